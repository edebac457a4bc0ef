// @vitest-environment node
/** The repairs of @chatui/core: each is still needed, and each refuses to pass silently. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { REPAIRS, repaired } from "../../plugins/chatui";

const folder = fileURLToPath(new URL("../../node_modules/@chatui/core/", import.meta.url));
const original = (file: string) => readFileSync(folder + file, "utf8");

describe("repaired", () => {
  it.each(REPAIRS.map(({ file }) => file))("changes %s", (file) => {
    expect(repaired(folder + file, original(file))).not.toBe(original(file));
  });

  it("leaves no font and no address of another host in the stylesheet", () => {
    const css = repaired(`${folder}dist/index.css`, original("dist/index.css")) ?? "";
    expect(original("dist/index.css")).toContain("@font-face");
    expect(css).not.toContain("@font-face");
    expect(css).not.toMatch(/url\(["']?(https?:)?\/\//);
  });

  it("leaves no alert on messages and no Chinese label on quick replies", () => {
    for (const file of REPAIRS.slice(1).map((repair) => repair.file)) {
      expect(repaired(folder + file, original(file))).not.toMatch(/role: "alert"|\\u5FEB/);
    }
  });

  it("refuses a file in which it finds nothing to repair", () => {
    expect(() => repaired(`${folder}dist/index.css`, "a{}")).toThrow(/nothing to repair/);
  });

  it("leaves all other files alone", () => {
    expect(repaired(`${folder}es/index.js`, "x")).toBeNull();
    expect(repaired("/src/App.tsx", "x")).toBeNull();
  });
});

it("is pinned to the version that the repairs were made for", () => {
  const pinned = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(pinned.dependencies["@chatui/core"]).toBe("3.8.0");
  for (const version of Object.values({ ...pinned.dependencies, ...pinned.devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  }
});

it("is known to one file only", () => {
  const sources = import.meta.glob("../../src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
  const users = Object.keys(sources).filter((name) => /from "@chatui\/core"/.test(String(sources[name])));
  expect(users).toEqual(["../../src/chat/surface.tsx"]);
});
