/** The page of a live server, in Chromium: every suggestion in both languages. Runs where HANLIN_SERVER names one. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, launch } from "../../tools/browser.mjs";
import { send } from "../browser/stage";
import { POLICY } from "../fake-server/server.mjs";

const live = process.env.HANLIN_SERVER;
const skip = !live || !chromiumPath();

describe.skipIf(skip)("the live page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  it("comes with the strict policy", async () => {
    const headers = (await fetch(`${live}/`)).headers;
    expect(headers.get("content-security-policy")?.replace(/;\s*$/, "")).toBe(POLICY);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each(["zh-CN", "en-US"])("answers each of its own suggestions: %s", { timeout: 600_000 }, async (locale) => {
    const page = await browser.newPage({ locale });
    const faults: string[] = [];
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("request", (request) => !request.url().startsWith(`${live}/`) && faults.push(request.url()));
    await page.goto(`${live}/`);
    await page.locator(".model.ready").waitFor();
    const cards = await page.locator(".card span").allTextContents();
    // A model of one's own has no suggestions; it is asked something all the same.
    for (const question of cards.length ? cards : [locale === "zh-CN" ? "你好" : "Hello"]) {
      if (await page.locator(".new-chat").isEnabled()) await page.locator(".new-chat").click();
      await send(page, question);
      await page.locator(".answer:not(.streaming)").waitFor({ timeout: 120_000 });
      expect(await page.locator(".failure").count()).toBe(0);
      expect((await page.locator(".answer .prose").innerText()).trim()).not.toBe("");
    }
    expect(faults).toEqual([]);
    await page.close();
  });
});
