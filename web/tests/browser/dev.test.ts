/** The development server: the page from its sources, in front of a server that lives elsewhere. */
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { expect, it } from "vitest";
import { launch } from "../../tools/browser.mjs";
import { Fake } from "../fake-server/server.mjs";
import { ask, noBrowser } from "./stage";

it.skipIf(noBrowser)("shows the page and passes questions on, in the server's own name", async () => {
  const fake = new Fake("/nowhere");
  process.env.HANLIN_SERVER = await fake.start();
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const vite = await createServer({ root, server: { port: 0 }, logLevel: "error", mode: "development" });
  const browser = await launch();
  try {
    await vite.listen();
    const page = await browser.newPage({ locale: "en-US" });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(vite.resolvedUrls?.local[0] ?? "");
    await page.locator(".model.ready").waitFor();
    expect(await ask(page, "What is 37 + 58?")).toBe("37 + 58 = 95");
    expect(faults).toEqual([]);
  } finally {
    delete process.env.HANLIN_SERVER;
    await browser.close();
    await vite.close();
    await fake.stop();
  }
});
