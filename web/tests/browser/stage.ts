/** The page in real Chromium: one browser, one server, and everything that must never happen, watched. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { chromiumPath, launch } from "../../tools/browser.mjs";
import { Fake } from "../fake-server/server.mjs";

/** The page as it is committed, and where pictures of it go. */
const BUILT = fileURLToPath(new URL("../../../src/hanlin/serve/web", import.meta.url));
const PICTURES = fileURLToPath(new URL("../../pictures", import.meta.url));

/** Why there can be no test here, or undefined. */
export const noBrowser = chromiumPath() ? undefined : "no Chromium on this machine";

/** How a page is opened. */
export interface Look {
  language?: "zh" | "en";
  width?: number;
  height?: number;
  theme?: "light" | "dark";
  touch?: boolean;
}

/** An open page with what went wrong on it so far. */
export interface Visit {
  page: Page;
  /** Errors in the console, uncaught errors, violations of the policy, requests to other hosts. */
  faults: string[];
  close: () => Promise<void>;
}

/** The stage of one test file. */
export class Stage {
  fake = new Fake(BUILT);
  url = "";
  #browser: Browser | undefined;
  #visits: Visit[] = [];

  /** Sets browser and server up around the tests of the calling file; each test starts with a well-behaved server. */
  static set(): Stage {
    const stage = new Stage();
    beforeAll(async () => {
      if (noBrowser) return;
      mkdirSync(PICTURES, { recursive: true });
      stage.#browser = await launch();
      stage.url = await stage.fake.start();
    });
    beforeEach(async () => {
      for (const visit of stage.#visits.splice(0)) await visit.close();
      stage.fake.reset();
    });
    afterAll(async () => {
      await stage.#browser?.close();
      await stage.fake.stop();
    });
    return stage;
  }

  /** Opens the page and waits until it has heard from the server (unless `wait` is false). */
  async open(look: Look = {}, wait = true): Promise<Visit> {
    const { language = "en", width = 1280, height = 860, theme = "light", touch = false } = look;
    const context = await (this.#browser as Browser).newContext({
      viewport: { width, height },
      locale: language === "zh" ? "zh-CN" : "en-US",
      colorScheme: theme,
      hasTouch: touch,
      isMobile: touch,
      deviceScaleFactor: 1,
    });
    const visit = await this.#watched(context);
    this.#visits.push(visit);
    await visit.page.goto(this.url);
    if (wait) await visit.page.locator(".model.ready").waitFor();
    return visit;
  }

  async #watched(context: BrowserContext): Promise<Visit> {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${this.url}/`)) faults.push(`request to ${request.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        // biome-ignore lint/suspicious/noConsole: that is how the test hears of it
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    return { page, faults, close: () => context.close() };
  }
}

/** Writes a question and sends it. */
export async function send(page: Page, question: string): Promise<void> {
  await page.locator("#question").fill(question);
  await page.locator("#question").press("Enter");
}

/** Asks and waits for the end of the answer, in milliseconds at most `timeout`; returns its words. */
export async function ask(page: Page, question: string, timeout = 30_000): Promise<string> {
  const before = await page.locator(".turn").count();
  await send(page, question);
  const answer = page.locator(".turn").nth(before).locator(".answer:not(.streaming)");
  await answer.waitFor({ timeout });
  return (await answer.locator(".prose").innerText()).trim();
}

/** Takes a picture into web/pictures (not in git), for people to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${PICTURES}/${name}.png`, animations: "disabled" });
}

/** Nothing on the page may be wider than the page. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  // Not innerWidth: on a phone that grows with what sticks out.
  const width = page.viewportSize()?.width ?? 0;
  const wide = await page.evaluate(
    (limit) =>
      [...document.querySelectorAll("body *")]
        .filter((element) => !element.closest(".unseen, pre, .table, .strip, .skip"))
        .filter((element) => element.getBoundingClientRect().right > limit + 0.5)
        .map((element) => element.className || element.tagName),
    width,
  );
  expect(wide).toEqual([]);
}
