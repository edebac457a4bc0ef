/** What a user does: ask, watch, stop, ask again, go on, begin anew; and nothing else may happen meanwhile. */
import { describe, expect, it } from "vitest";
import { ask, noBrowser, Stage, send } from "./stage";

describe.skipIf(noBrowser)("the chat", () => {
  const stage = Stage.set();

  it("answers word by word, and tells how many tokens and how long", async () => {
    const { page, faults } = await stage.open();
    stage.fake.behaviour.delay = 60;
    await send(page, "Who are you?");
    const prose = page.locator(".answer .prose");
    await prose.getByText("I am").waitFor();
    const early = await prose.innerText();
    await page.locator(".answer.complete").waitFor();
    const late = await prose.innerText();
    expect(late.length).toBeGreaterThan(early.length);
    expect(late.startsWith(early.split("\n")[0] ?? "?")).toBe(true);
    expect(await page.locator(".numbers").innerText()).toMatch(/^\d+ tokens · [\d.]+ s$/);
    expect(faults).toEqual([]);
  });

  it("stops with the button and with Esc; the server notices, the words stay", async () => {
    const { page, faults } = await stage.open();
    stage.fake.behaviour.delay = 80;
    for (const [index, stop] of [() => page.locator(".send").click(), () => page.keyboard.press("Escape")].entries()) {
      await send(page, "Who are you?");
      const answer = page.locator(".answer").last();
      await answer.getByText("I am").waitFor();
      await stop();
      await answer.getByText("You stopped this answer.").waitFor();
      expect(await answer.locator(".prose").innerText()).toContain("I am");
      await expect.poll(() => stage.fake.abandoned).toBe(index + 1);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("question");
    }
    expect(faults).toEqual([]);
  });

  it("answers again without losing the first answer", async () => {
    const { page } = await stage.open();
    await ask(page, "What is 37 + 58?");
    stage.fake.behaviour.answer = "95, of course";
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.locator(".prose").getByText("95, of course").waitFor();
    await page.locator(".answer.complete").waitFor();
    expect(await page.locator(".versions").innerText()).toContain("2/2");
    await page.getByRole("button", { name: "Previous answer" }).click();
    expect(await page.locator(".prose").innerText()).toBe("37 + 58 = 95");
  });

  it("remembers as many turns as it says, by the server's number and by the user's", async () => {
    const { page } = await stage.open();
    expect(await page.locator(".memory select").inputValue()).toBe("3");
    for (let number = 1; number <= 5; number += 1) await ask(page, `question ${number}`);
    const questions = (at: number) =>
      stage.fake.requests[at]?.messages.filter(({ role }) => role === "user").map(({ content }) => content);
    expect(questions(4)).toEqual(["question 2", "question 3", "question 4", "question 5"]);
    expect(await page.locator(".memory-from + .turn .Bubble").innerText()).toBe("question 3");
    await page.locator(".memory select").selectOption("1");
    expect(await page.locator(".memory").innerText()).toMatch(/turn$/);
    await ask(page, "question 6");
    expect(questions(5)).toEqual(["question 5", "question 6"]);
    await page.reload();
    await page.locator(".model.ready").waitFor();
    expect(await page.locator(".memory select").inputValue()).toBe("1");
    expect(await page.locator(".turn").count()).toBe(6);
  });

  it("begins a new chat: nothing of the old one goes along", async () => {
    const { page } = await stage.open();
    await ask(page, "first");
    await page.getByRole("button", { name: "New chat" }).click();
    expect(await page.locator(".turn").count()).toBe(0);
    await ask(page, "second");
    expect(stage.fake.requests.at(-1)?.messages).toEqual([{ role: "user", content: "second" }]);
  });

  it.each(["zh", "en"] as const)("asks each suggestion that it shows: %s", async (language) => {
    const { page, faults } = await stage.open({ language });
    const cards = await page.locator(".card span").allTextContents();
    expect(cards).toHaveLength(6);
    for (const [index, card] of cards.entries()) {
      if (index > 0) await page.locator(".header .new-chat").click();
      await page.locator(".card").nth(index).click();
      await page.locator(".answer.complete").waitFor();
      expect(stage.fake.requests.at(-1)?.messages.at(-1)?.content).toBe(card);
    }
    expect(faults).toEqual([]);
  });

  it("offers what was not asked yet above the composer, and asks it", async () => {
    const { page } = await stage.open();
    await ask(page, "hello");
    const offers = page.locator(".QuickReply");
    expect(await offers.count()).toBe(4);
    const text = await offers.first().innerText();
    expect(await offers.first().getAttribute("aria-label")).toBeNull();
    await offers.first().click();
    await page.locator(".turn").nth(1).locator(".answer.complete").waitFor();
    expect(await offers.allInnerTexts()).not.toContain(text);
  });

  it("lets a question be changed and asked again", async () => {
    const { page } = await stage.open();
    await ask(page, "What is 37 + 58?");
    await page.locator(".turn").hover();
    await page.getByRole("button", { name: "Edit and ask again" }).click();
    expect(await page.locator("#question").inputValue()).toBe("What is 37 + 58?");
  });

  it("changes its language, with the conversation staying", async () => {
    const { page, faults } = await stage.open({ language: "zh" });
    expect(await page.title()).toBe("翰林");
    await ask(page, "计算 37 + 58。");
    await page.getByRole("button", { name: "Switch to English" }).click();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await page.locator(".turn").count()).toBe(1);
    await page.reload();
    await page.getByRole("button", { name: "New chat" }).waitFor();
    expect(faults).toEqual([]);
  });

  it("is dark where the system is, and where the user wants it", async () => {
    const ground = () => getComputedStyle(document.body).backgroundColor;
    const dark = await stage.open({ theme: "dark" });
    const light = await stage.open({ theme: "light" });
    const [black, white] = [await dark.page.evaluate(ground), await light.page.evaluate(ground)];
    expect(black).not.toBe(white);
    await light.page.getByRole("button", { name: /as the system/ }).click();
    await light.page.getByRole("button", { name: /: light/ }).click();
    expect(await light.page.evaluate(ground)).toBe(black);
    await light.page.reload();
    expect(await light.page.evaluate(ground)).toBe(black);
  });
});

describe.skipIf(noBrowser)("the keyboard", () => {
  const stage = Stage.set();

  it("starts a new line with Shift+Enter and sends with Enter", async () => {
    const { page } = await stage.open();
    await page.locator("#question").pressSequentially("one");
    await page.keyboard.press("Shift+Enter");
    await page.locator("#question").pressSequentially("two");
    await page.keyboard.press("Enter");
    await page.locator(".answer.complete").waitFor();
    expect(stage.fake.requests[0]?.messages).toEqual([{ role: "user", content: "one\ntwo" }]);
  });

  it("sends nothing while Chinese is being composed", async () => {
    const { page } = await stage.open({ language: "zh" });
    const keyboard = await page.context().newCDPSession(page);
    await page.locator("#question").focus();
    await keyboard.send("Input.imeSetComposition", { text: "nihao", selectionStart: 5, selectionEnd: 5 });
    // The Enter that takes the word over, as a browser hands it to the page during a composition.
    await keyboard.send("Input.dispatchKeyEvent", {
      type: "rawKeyDown",
      key: "Enter",
      code: "Enter",
      windowsVirtualKeyCode: 229,
    });
    await keyboard.send("Input.dispatchKeyEvent", {
      type: "keyUp",
      key: "Enter",
      code: "Enter",
      windowsVirtualKeyCode: 13,
    });
    expect(await page.locator("#question").inputValue()).toBe("nihao");
    expect(stage.fake.requests).toHaveLength(0);
    await keyboard.send("Input.insertText", { text: "你好" });
    expect(await page.locator("#question").inputValue()).toBe("你好");
    await page.keyboard.press("Enter");
    await page.locator(".answer.complete").waitFor();
    expect(stage.fake.requests[0]?.messages).toEqual([{ role: "user", content: "你好" }]);
  });

  it("reaches everything with Tab, and shows where it is", async () => {
    const { page } = await stage.open();
    await page.locator(".skip").focus();
    const names: string[] = [];
    for (let press = 0; press < 12; press += 1) {
      const [name, outline] = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const shown = getComputedStyle(element).outlineStyle !== "none" || element.id === "question";
        return [element.getAttribute("aria-label") ?? element.textContent ?? "", shown] as const;
      });
      expect(outline, name).toBe(true);
      names.push(name);
      await page.keyboard.press("Tab");
    }
    expect(names.slice(0, 3)).toEqual(["Skip to the question", "切换到中文", "Light or dark: as the system"]);
    expect(names.some((name) => name.startsWith("What is 37"))).toBe(true);
    expect(names).toContain("How many earlier turns the model is given again");
  });

  it("tells a screen reader the answer once it is done, and not before", async () => {
    const { page } = await stage.open();
    stage.fake.behaviour.delay = 60;
    const status = page.locator("p.unseen[role=status]");
    await send(page, "What is 37 + 58?");
    await expect.poll(() => status.innerText()).toBe("The model is reading your question");
    await page.locator(".answer.complete").waitFor();
    expect(await status.textContent()).toBe("The model has answered: 37 + 58 = 95");
    expect(await page.locator("[role=alert]").count()).toBe(0);
  });
});

describe.skipIf(noBrowser)("what the model writes", () => {
  const stage = Stage.set();

  it("fetches nothing and runs nothing", async () => {
    const { page, faults } = await stage.open();
    stage.fake.behaviour.answer =
      "![x](https://example.org/x.png?q=secret)\n\n<img src=https://example.org/y.png onerror=alert(1)>\n\n" +
      "<script>alert(2)</script>\n\n[run](javascript:alert(3)) [go](https://example.org/)";
    await ask(page, "x");
    const prose = page.locator(".answer .prose");
    expect(await prose.locator("img, script").count()).toBe(0);
    expect(await prose.innerText()).toContain("<script>alert(2)</script>");
    expect(await prose.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")))).toEqual([
      "https://example.org/x.png?q=secret",
      "https://example.org/y.png", // an address in plain text, offered but not fetched
      "https://example.org/",
    ]);
    expect(faults).toEqual([]);
  });

  it("can be read as it was written", async () => {
    const { page } = await stage.open();
    stage.fake.behaviour.answer = "**bold** and __init__";
    expect(await ask(page, "x")).toBe("bold and init");
    await page.getByRole("button", { name: "Show the text as the model wrote it" }).click();
    expect(await page.locator(".verbatim").innerText()).toBe("**bold** and __init__");
  });

  it("stays at the end while it grows, unless the reader has scrolled up", async () => {
    const { page } = await stage.open({ height: 500 });
    stage.fake.behaviour.answer = "A line of the answer.\n\n".repeat(60);
    stage.fake.behaviour.delay = 5;
    await send(page, "long");
    const thread = page.locator(".thread");
    const gap = () => thread.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
    await expect.poll(() => thread.evaluate((element) => element.scrollTop)).toBeGreaterThan(200);
    expect(await gap()).toBeLessThan(80);
    await thread.hover();
    await page.mouse.wheel(0, -400);
    await expect.poll(gap).toBeGreaterThan(200);
    const top = await thread.evaluate((element) => element.scrollTop);
    await page.locator(".answer.complete").waitFor();
    expect(Math.abs((await thread.evaluate((element) => element.scrollTop)) - top)).toBeLessThan(5);
    await page.getByRole("button", { name: "To the latest answer" }).click();
    expect(await gap()).toBeLessThan(5);
  });
});
