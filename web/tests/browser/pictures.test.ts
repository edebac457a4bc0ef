/** The page at three widths, in both languages, light and dark: nothing too wide, nothing wrong, pictures to look at. */
import { describe, expect, it } from "vitest";
import { ask, expectNoSidewaysScroll, noBrowser, picture, Stage, send } from "./stage";

const LOOKS = (["zh", "en"] as const).flatMap((language) =>
  (["light", "dark"] as const).flatMap((theme) =>
    [
      { width: 1280, height: 860, touch: false },
      { width: 820, height: 1180, touch: true },
      { width: 390, height: 844, touch: true },
    ].map((size) => ({ language, theme, ...size })),
  ),
);

const QUESTIONS = {
  zh: ["计算 37 + 58。", "补全代码：def area(width, height):", "你是谁？你能做什么？"],
  en: ["What is 37 + 58?", "Complete the code: def area(width, height):", "Who are you, and what can you do?"],
};

describe.skipIf(noBrowser)("the page", () => {
  const stage = Stage.set();

  it.each(LOOKS)("looks right: $language $theme $width", async (look) => {
    const { page, faults } = await stage.open(look);
    const name = `${look.language}-${look.theme}-${look.width}`;
    await expectNoSidewaysScroll(page);
    await picture(page, `welcome-${name}`);
    for (const question of QUESTIONS[look.language]) await ask(page, question);
    await expectNoSidewaysScroll(page);
    expect(await page.locator(".to-end").count(), "the end is in view").toBe(0);
    await picture(page, `chat-${name}`);
    expect(faults).toEqual([]);
  });

  it("looks right with everything at once on a phone", async () => {
    const { page, faults } = await stage.open({ language: "zh", width: 390, height: 844, touch: true });
    stage.fake.behaviour.answer =
      "# 标题\n\n正文里有`代码`、[链接](https://example.org)和**重点**，还有“引号”与 English 混排。\n\n" +
      "| 方法 | 得分 | 说明 |\n|---|---|---|\n| 甲 | 97.4% | 从未见过的题目上的得分 |\n| 乙 | 12.5% | 随机猜测的水平 |\n\n" +
      "> 引文一段。\n\n1. 第一\n2. 第二\n\n```python\ndef a_long_function_name(argument_one, argument_two, argument_three):\n    return argument_one\n```";
    for (const question of ["问题一", "问题二", "问题三", "问题四"]) await ask(page, question);
    await expectNoSidewaysScroll(page);
    await picture(page, "markdown-zh-390");
    expect(faults).toEqual([]);
  });

  it("looks right while it waits and while it streams", async () => {
    const { page } = await stage.open({ width: 820, height: 900 });
    Object.assign(stage.fake.behaviour, { first: 1500, delay: 80 });
    await send(page, "Who are you, and what can you do?");
    await page.locator(".waiting").waitFor();
    await picture(page, "waiting-en-820");
    await page.locator(".prose").getByText("trained").waitFor();
    await picture(page, "streaming-en-820");
  });
});

describe.skipIf(noBrowser)("the first load", () => {
  const stage = Stage.set();

  it("fetches the client of the model with the first question only", async () => {
    const { page } = await stage.open();
    const scripts = () =>
      page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js")).length);
    const before = await scripts();
    await ask(page, "x");
    expect(await scripts()).toBeGreaterThan(before);
  });
});
