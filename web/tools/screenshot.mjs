/**
 * A picture of the page of a live server: node tools/screenshot.mjs URL OUT.png [options]
 *
 *   --language zh|en   language of the page (en)          --theme light|dark   (light)
 *   --width PIXELS     of the window (1280)               --height PIXELS      (860)
 *   --ask TEXT         a question to ask first, any number of times; without any, the first --suggestions are asked
 *   --scale N          pixels of the picture for each of the page (2)
 *   --suggestions N    how many suggestions of the page to ask (2); 0 shows the page as it opens
 */
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    language: { type: "string", default: "en" },
    theme: { type: "string", default: "light" },
    width: { type: "string", default: "1280" },
    height: { type: "string", default: "860" },
    scale: { type: "string", default: "2" },
    ask: { type: "string", multiple: true, default: [] },
    suggestions: { type: "string", default: "2" },
  },
});
const [url, out] = positionals;
if (!url || !out) {
  process.stderr.write("usage: screenshot.mjs URL OUT.png [--language zh|en] [--theme light|dark] [--ask TEXT]…\n");
  process.exit(2);
}

const browser = await launch();
try {
  const page = await browser.newPage({
    viewport: { width: Number(values.width), height: Number(values.height) },
    deviceScaleFactor: Number(values.scale),
    locale: values.language === "zh" ? "zh-CN" : "en-US",
    colorScheme: values.theme === "dark" ? "dark" : "light",
  });
  await page.goto(url);
  await page.locator(".model.ready").waitFor();
  for (const question of values.ask.length ? values.ask : await suggested(page, Number(values.suggestions))) {
    await page.locator("#question").fill(question);
    await page.keyboard.press("Enter");
    await page.locator(".answer.streaming").waitFor();
    await page.locator(".answer.streaming").waitFor({ state: "detached", timeout: 120_000 });
  }
  await page.screenshot({ path: out });
} finally {
  await browser.close();
}

/** The first questions that the page itself suggests. */
async function suggested(/** @type {import("playwright-core").Page} */ page, /** @type {number} */ count) {
  return (await page.locator(".card span").allTextContents()).slice(0, count);
}
