/**
 * Whoever cannot see well, use a mouse, or bear motion: axe-core's rules on every state of the page, light and dark, in
 * both languages; a conversation by keyboard alone; nothing that moves where the system asks for stillness.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { ask, noBrowser, picture, Stage, send } from "./stage";
import { EVERYTHING } from "./texts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe-core finds wrong: rule, what it is about, and where. */
async function wrong(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, "utf8"));
  const found = await page.evaluate(() =>
    // biome-ignore lint/suspicious/noExplicitAny: the script above has put it there
    (globalThis as any).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[] =
    found.violations;
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.failureSummary}`),
  );
}

const LOOKS = (["zh", "en"] as const).flatMap((language) =>
  (["light", "dark"] as const).map((theme) => ({ language, theme })),
);

describe.skipIf(noBrowser)("axe-core finds nothing wrong", () => {
  const stage = Stage.set();

  it.each(LOOKS)("as it opens, with every kind of text, and with an error: $language $theme", async (look) => {
    const { page } = await stage.open(look);
    expect(await wrong(page)).toEqual([]);
    stage.fake.behaviour.answer = EVERYTHING[look.language];
    await ask(page, "x");
    await ask(page, "y");
    expect(await wrong(page)).toEqual([]);
    stage.fake.behaviour.failure = "broken";
    await send(page, "z");
    await page.locator(".failure").waitFor();
    expect(await wrong(page)).toEqual([]);
    await picture(page, `error-${look.language}-${look.theme}-1280`);
  });

  it("while an answer comes in, on a phone", async () => {
    const { page } = await stage.open({ width: 390, height: 844, touch: true });
    Object.assign(stage.fake.behaviour, { delay: 200 });
    await send(page, "Who are you?");
    await page.locator(".answer.streaming .prose").waitFor();
    expect(await wrong(page)).toEqual([]);
    await picture(page, "streaming-en-light-390");
  });

  it.each(["locked", "offline"])("with no server to talk to: %s", async (how) => {
    if (how === "locked") stage.fake.behaviour.key = "right";
    else stage.fake.behaviour.pageStatus = 503;
    const { page } = await stage.open({ theme: "dark" }, false);
    await page.locator(how === "locked" ? ".key-form" : ".banner").waitFor();
    expect(await wrong(page)).toEqual([]);
    await picture(page, `${how}-en-dark-1280`);
  });
});

describe.skipIf(noBrowser)("without a mouse", () => {
  const stage = Stage.set();

  /** Presses Tab until the focus is on what has this name. */
  async function tabTo(page: Page, name: string): Promise<void> {
    for (let press = 0; press < 40; press += 1) {
      const focused = page.locator("button:focus, a:focus, textarea:focus, select:focus, .thread:focus");
      const words = (await focused.getAttribute("aria-label")) ?? (await focused.textContent());
      if (words === name) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`no Tab leads to ${name}`);
  }

  it("a suggestion is asked, answered again, its first answer shown, a new chat begun", async () => {
    const { page } = await stage.open();
    await page.locator(".skip").focus();
    await tabTo(page, "What is 37 + 58?");
    await page.keyboard.press("Enter");
    await page.locator(".answer.complete").waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("question");
    await page.locator(".skip").focus();
    await tabTo(page, "Answer again");
    await page.keyboard.press("Enter");
    await page.locator(".versions").getByText("2/2").waitFor();
    await page.locator(".answer.complete").waitFor();
    await page.locator(".skip").focus();
    await tabTo(page, "Previous answer");
    await page.keyboard.press("Space");
    await page.locator(".versions").getByText("1/2").waitFor();
    await page.locator(".skip").focus();
    await tabTo(page, "New chat");
    await page.keyboard.press("Enter");
    expect(await page.locator(".turn").count()).toBe(0);
  });
});

describe.skipIf(noBrowser)("where the system asks for stillness", () => {
  const stage = Stage.set();

  it("nothing moves while the model is waited for", async () => {
    const { page } = await stage.open();
    const moving = () =>
      page.evaluate(
        () =>
          document
            .getAnimations()
            .filter(({ playState, effect }) => playState === "running" && Number(effect?.getTiming().duration) > 1)
            .length,
      );
    stage.fake.behaviour.first = 2500;
    await send(page, "x");
    await page.locator(".waiting").waitFor();
    expect(await moving()).toBeGreaterThan(0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    expect(await moving()).toBe(0);
  });
});
