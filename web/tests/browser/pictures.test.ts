/** The page at three widths, in both languages, light and dark: nothing too wide, nothing wrong, pictures to look at. */
import { describe, expect, it } from "vitest";
import { ask, expectNoSidewaysScroll, noBrowser, picture, Stage, send } from "./stage";
import { EVERYTHING } from "./texts";

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

  it.each(LOOKS)("looks right with every kind of text: $language $theme $width", async (look) => {
    const { page, faults } = await stage.open(look);
    stage.fake.behaviour.answer = EVERYTHING[look.language];
    for (const question of ["1", "2", "3", "4"]) await ask(page, question);
    await expectNoSidewaysScroll(page);
    await picture(page, `markdown-${look.language}-${look.theme}-${look.width}`);
    expect(faults).toEqual([]);
  });

  it("looks right with a long answer, read from its beginning", async () => {
    const { page } = await stage.open({ width: 820, height: 900 });
    stage.fake.behaviour.answer = "A sentence of an answer that goes on and on, as small models like to do. ".repeat(
      60,
    );
    await ask(page, "long");
    await page.locator(".thread").evaluate((element) => element.scrollTo(0, 0));
    await page.locator(".to-end").waitFor();
    await picture(page, "long-en-light-820");
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
