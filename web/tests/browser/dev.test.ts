/**
 * The development server: the page from its sources, in front of a server that lives elsewhere, new without a reload.
 *
 * HANLIN_SERVER names a live `hanlin serve`; without it, the fake server stands in.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch } from "../../tools/browser.mjs";
import { Fake } from "../fake-server/server.mjs";
import { ask, noBrowser } from "./stage";

const WEB = fileURLToPath(new URL("../..", import.meta.url));
const PARTS = ["index.html", "package.json", "plugins", "src", "tsconfig.json", "vite.config.ts"];
const live = process.env.HANLIN_SERVER;

describe.skipIf(noBrowser)("the development server", () => {
  const fake = new Fake("/nowhere");
  let root: string;
  let vite: ViteDevServer;

  beforeAll(async () => {
    // A copy, so that nobody's sources are touched.
    root = await mkdtemp(join(tmpdir(), "hanlin-dev-"));
    for (const part of PARTS) await cp(`${WEB}${part}`, `${root}/${part}`, { recursive: true });
    await symlink(`${WEB}node_modules`, `${root}/node_modules`);
    process.env.HANLIN_SERVER = live ?? (await fake.start());
    vite = await createServer({
      root,
      cacheDir: `${root}/.vite`,
      server: { port: 0, fs: { allow: [root, WEB] } },
      logLevel: "error",
      mode: "development",
    });
    await vite.listen();
  });
  afterAll(async () => {
    if (!live) delete process.env.HANLIN_SERVER;
    await vite?.close();
    if (!live) await fake.stop();
    await rm(root, { recursive: true, force: true });
  });

  it("passes questions on in the server's own name, and shows a change with the conversation staying", async () => {
    const browser = await launch();
    try {
      const page = await browser.newPage({ locale: "en-US" });
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(String(error)));
      await page.goto(vite.resolvedUrls?.local[0] ?? "");
      await page.locator(".model.ready").waitFor();
      const answer = await ask(page, "What is 37 + 58?");
      expect(answer).not.toBe("");
      if (!live) expect(answer).toBe("37 + 58 = 95");
      const header = `${root}/src/shell/Header.tsx`;
      await writeFile(header, (await readFile(header, "utf8")).replace('{t("title")}', "Changed while you looked"));
      await page.locator(".brand").getByText("Changed while you looked").waitFor();
      expect((await page.locator(".prose").innerText()).trim()).toBe(answer);
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
