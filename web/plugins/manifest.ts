/** `manifest.json` beside the built page: the hash of the sources that it was built from, and its files. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** What decides the built page: these files, and all files of these folders. tests/serve/test_web_build.py says the same. */
const FILES = [".npmrc", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];
const FOLDERS = ["plugins", "src"];

/** Paths of all sources relative to `root`, sorted by code unit, with `/` on every system. Hidden files do not count. */
export function sources(root: string): string[] {
  const found = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/").replace(/^\/+/, "")),
  );
  return [...FILES, ...found].sort((a, b) => (a < b ? -1 : 1));
}

/** SHA-256 over every source's path, length and bytes. Line ends count as `\n`, so that a clone on Windows agrees. */
export function sourceHash(root: string): string {
  const hash = createHash("sha256");
  for (const path of sources(root)) {
    const bytes = Buffer.from(readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n"), "utf8");
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** The plugin: writes `manifest.json` with every build. */
export function manifest(): Plugin {
  let root = "";
  return {
    name: "hanlin-manifest",
    apply: "build",
    configResolved: (config) => {
      root = config.root;
    },
    generateBundle(_options, bundle) {
      const content = { source_sha256: sourceHash(root), files: [...Object.keys(bundle), "index.html"].sort() };
      const files = [...new Set(content.files)];
      this.emitFile({
        type: "asset",
        fileName: "manifest.json",
        source: `${JSON.stringify({ ...content, files }, null, 1)}\n`,
      });
    },
  };
}
