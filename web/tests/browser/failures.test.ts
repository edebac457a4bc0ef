/** Whatever fails, the page says what happened in one sentence, keeps what it has, and offers what can be done. */
import { describe, expect, it } from "vitest";
import { ask, noBrowser, picture, Stage, send } from "./stage";

describe.skipIf(noBrowser)("a server that", () => {
  const stage = Stage.set();

  it.each(["die", "end"] as const)(
    "breaks off in mid-answer (%s): the text stays, trying again works",
    async (failure) => {
      const { page } = await stage.open();
      Object.assign(stage.fake.behaviour, { failure, after: 5 });
      await send(page, "Who are you?");
      await page.getByText("The connection to the server broke off in the middle of this answer.").waitFor();
      const kept = await page.locator(".prose").innerText();
      expect(kept).toMatch(/^I am/);
      expect("I am Hanlin, a").toContain(kept); // a connection that dies may take its last words along
      await picture(page, `cut-${failure}-en-1280`);
      stage.fake.behaviour.failure = "";
      await page.getByRole("button", { name: "Try again" }).click();
      await page.locator(".answer.complete").waitFor();
      expect(await page.locator(".prose").innerText()).toContain("Anything else I decline.");
      await page.getByRole("button", { name: "Previous answer" }).click();
      expect(await page.locator(".prose").innerText()).toBe(kept);
    },
  );

  it("is killed in mid-answer, and comes back: both are noticed", async () => {
    const { page } = await stage.open({ language: "zh" });
    stage.fake.behaviour.delay = 100;
    await send(page, "你是谁？");
    await page.locator(".prose").getByText("我是").waitFor();
    await stage.fake.stop();
    await page.getByText("这个回答说到一半，与服务器的连接断了。").waitFor();
    expect(await page.locator(".prose").innerText()).toContain("我是");
    await page.locator(".banner.offline").waitFor();
    await picture(page, "killed-zh-1280");
    await page.getByRole("button", { name: "再试一次" }).click();
    await page.locator(".failure-what").getByText("没有服务器应答").waitFor();
    await stage.fake.start(stage.fake.port);
    stage.fake.reset();
    await page.locator(".model.ready").waitFor();
    expect(await page.locator(".banner").count()).toBe(0);
    await page.getByRole("button", { name: "再试一次" }).click();
    await page.locator(".answer.complete").waitFor();
    expect(await page.locator(".versions").innerText()).toContain("3/3");
  });

  it("finds the prompt too long: its sentence with both numbers, and a way out", async () => {
    const { page } = await stage.open();
    await ask(page, "hello");
    stage.fake.behaviour.failure = "too-long";
    await send(page, "long");
    await page.getByText("The prompt has 3,012 tokens; this model takes at most 2,048.").waitFor();
    await picture(page, "too-long-en-1280");
    stage.fake.behaviour.failure = "";
    await page.getByRole("button", { name: "Ask without earlier turns" }).click();
    await page.locator(".turn").nth(1).locator(".answer.complete").waitFor();
    expect(stage.fake.requests.at(-1)?.messages).toEqual([{ role: "user", content: "long" }]);
  });

  it("finds a lone question too long: there is nothing to leave out", async () => {
    const { page } = await stage.open();
    stage.fake.behaviour.failure = "too-long";
    await send(page, "long");
    await page.getByText("Shorten the question and ask again.").waitFor();
    expect(await page.locator(".failure .Btn").count()).toBe(0);
    await page.locator("#question").press("ArrowUp");
    expect(await page.locator("#question").inputValue()).toBe("long");
  });

  it.each([
    ["busy", "The server has too much to do right now.", "8 requests are waiting"],
    ["broken", "The server could not answer this.", "The engine failed; the log says why (E812)."],
    ["event", "The server could not answer this.", "The engine failed; the log says why (E812)."],
    ["not-json", "The server could not answer this.", "502"],
  ] as const)("answers with an error (%s)", async (failure, what, sentence) => {
    const { page } = await stage.open();
    stage.fake.behaviour.failure = failure;
    await send(page, "x");
    await page.getByText(what).waitFor();
    expect(await page.locator(".failure-server").innerText()).toContain(sentence);
    expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(1);
  });

  it("ends at the length limit: the page says so", async () => {
    const { page } = await stage.open();
    stage.fake.behaviour.failure = "length";
    await ask(page, "Who are you?");
    expect(await page.locator(".ending").innerText()).toBe("The answer reached its length limit and ends here.");
  });

  it("answers with nothing: the page says so", async () => {
    const { page } = await stage.open();
    stage.fake.behaviour.answer = "";
    await send(page, "x");
    await page.getByText("The model ended without a word.").waitFor();
  });

  it("is still loading its model", async () => {
    stage.fake.behaviour.pageStatus = 503;
    const { page } = await stage.open({}, false);
    await page.locator(".banner.starting").waitFor();
    expect(await page.locator(".send").isDisabled()).toBe(true);
    stage.fake.behaviour.pageStatus = 200;
    await page.locator(".model.ready").waitFor();
  });

  it("asks for a key: the wrong one is refused, the right one used", async () => {
    stage.fake.behaviour.key = "right";
    const { page } = await stage.open({}, false);
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("The server did not accept this key.").waitFor();
    await picture(page, "key-en-1280");
    await page.getByLabel("API key").fill("right");
    await page.keyboard.press("Enter");
    await page.locator(".model.ready").waitFor();
    expect(await ask(page, "What is 37 + 58?")).toBe("37 + 58 = 95");
  });

  it("loses the page in mid-answer: it notices", async () => {
    const { page, close } = await stage.open();
    stage.fake.behaviour.delay = 100;
    await send(page, "Who are you?");
    await page.locator(".prose").getByText("I am").waitFor();
    await close();
    await expect.poll(() => stage.fake.abandoned).toBe(1);
  });
});
