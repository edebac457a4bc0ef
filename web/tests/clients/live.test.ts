/**
 * The page of a live server, in Chromium: three widths, both languages, and what happens when one side leaves.
 *
 * HANLIN_SERVER names the server; tests/serve/test_live_page.py sets it, and CI runs that. HANLIN_SERVER_PID is the number
 * of its process, where it may be killed.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launch } from "../../tools/browser.mjs";
import { ask, expectNoSidewaysScroll, picture, send } from "../browser/stage";
import { POLICY } from "../fake-server/server.mjs";

const live = process.env.HANLIN_SERVER;
const pid = Number(process.env.HANLIN_SERVER_PID ?? 0);
const skip = !live || !chromiumPath();

/** Milliseconds that a real model on a busy machine may take for an answer. */
const PATIENCE = 120_000;

/** An open page, and what went wrong on it. */
interface Visit {
  page: Page;
  faults: string[];
}

let browser: Browser;
beforeAll(async () => {
  if (!skip) browser = await launch();
});
afterAll(() => browser?.close());

async function visit(locale: string, width = 1280): Promise<Visit> {
  const touch = width < 1000;
  const viewport = { width, height: touch ? 900 : 860 };
  const page = await (await browser.newContext({ locale, viewport, hasTouch: touch, isMobile: touch })).newPage();
  const faults: string[] = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => !request.url().startsWith(`${live}/`) && faults.push(request.url()));
  await page.goto(`${live}/`);
  await page.locator(".model.ready").waitFor();
  return { page, faults };
}

describe.skipIf(skip)("the live page", () => {
  it("comes with the strict policy", async () => {
    const headers = (await fetch(`${live}/`)).headers;
    expect(headers.get("content-security-policy")?.replace(/;\s*$/, "")).toBe(POLICY);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each(["zh-CN", "en-US"])("answers each of its own suggestions: %s", { timeout: 600_000 }, async (locale) => {
    const { page, faults } = await visit(locale);
    const cards = await page.locator(".card span").allTextContents();
    // A model of one's own has no suggestions; it is asked something all the same.
    for (const question of cards.length ? cards : [locale === "zh-CN" ? "你好" : "Hello"]) {
      if (await page.locator(".new-chat").isEnabled()) await page.locator(".new-chat").click();
      expect(await ask(page, question, PATIENCE)).not.toBe("");
      expect(await page.locator(".failure").count()).toBe(0);
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it.each(["zh-CN", "en-US"].flatMap((locale) => [1280, 820, 390].map((width) => [locale, width] as const)))(
    "fits its window: %s %i",
    { timeout: 2 * PATIENCE },
    async (locale, width) => {
      const { page, faults } = await visit(locale, width);
      await expectNoSidewaysScroll(page);
      await picture(page, `live-welcome-${locale}-${width}`);
      await ask(page, locale === "zh-CN" ? "你好" : "Hello", PATIENCE);
      await expectNoSidewaysScroll(page);
      await picture(page, `live-chat-${locale}-${width}`);
      expect(faults).toEqual([]);
      await page.context().close();
    },
  );
});

describe.skipIf(skip)("an answer of the live server", () => {
  it("is left by its reader: the page is closed", async () => {
    const { page } = await visit("en-US");
    await send(page, "hello");
    await page.locator(".answer.streaming .prose").waitFor();
    await page.context().close();
  });

  it("is stopped by its reader: the text stays, and the next question is answered", async () => {
    const { page } = await visit("en-US");
    await send(page, "hello");
    await page.locator(".answer.streaming .prose").waitFor();
    await page.locator(".send").click();
    await page.locator(".answer.stopped").waitFor();
    expect((await page.locator(".prose").innerText()).trim()).not.toBe("");
    await page.context().close();
  });

  it.skipIf(!pid)("breaks off when the server is killed: the page says so and keeps the text", async () => {
    const { page } = await visit("zh-CN");
    await send(page, "hello");
    await page.locator(".answer.streaming .prose").waitFor();
    process.kill(pid, "SIGKILL");
    await page.getByText("这个回答说到一半，与服务器的连接断了。").waitFor();
    const kept = await page.locator(".prose").innerText();
    expect(kept.trim()).not.toBe("");
    await page.locator(".banner.offline").waitFor();
    await picture(page, "live-killed-zh-1280");
    expect(await page.locator(".prose").innerText()).toBe(kept);
    await page.context().close();
  });
});
