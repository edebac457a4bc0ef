// @vitest-environment node
/** Both languages say everything, with the same words to fill in; and nothing is said that no component asks for. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { preferredLanguage } from "../../src/i18n";
import en from "../../src/i18n/en.json";
import zh from "../../src/i18n/zh.json";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[prefix + key, value] as const] : [...flat(value, `${prefix}${key}.`)],
    ),
  );
}

const english = flat(en);
const chinese = flat(zh);

describe("the two languages", () => {
  it("have the same keys", () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it("fill in the same words", () => {
    const holes = (text: string) => (text.match(/\{\{\w+\}\}/g) ?? []).sort();
    for (const [key, text] of english) expect(holes(chinese.get(key) ?? ""), key).toEqual(holes(text));
  });

  it("leave nothing empty and nothing untranslated", () => {
    for (const [key, text] of english) {
      expect(text.trim(), key).not.toBe("");
      if (!key.startsWith("language")) expect(text, key).not.toMatch(/[\u4e00-\u9fff]/);
    }
    for (const [key, text] of chinese) if (!key.startsWith("language")) expect(text, key).toMatch(/[\u4e00-\u9fff]/);
  });

  it("use full-width punctuation between Chinese words", () => {
    for (const [key, text] of chinese) expect(text, key).not.toMatch(/[\u4e00-\u9fff][,;:?!]/);
  });

  it("follow the browser: the first of the two that it names", () => {
    expect(preferredLanguage(["zh-TW", "en"])).toBe("zh");
    expect(preferredLanguage(["fr", "en-GB", "zh"])).toBe("en");
    expect(preferredLanguage(["fr"])).toBe("en");
  });
});

describe("the sources", () => {
  const folder = fileURLToPath(new URL("../../src", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  const text = files.map((name) => readFileSync(`${folder}/${name}`, "utf8")).join("\n");

  it("ask for every sentence", () => {
    const groups = ["theme", "status", "failure", "banner", "turn"]; // asked for as t(`group.${…}`)
    const unused = [...english.keys()].filter((key) => {
      const stem = key.replace(/_(one|other)$/, "");
      return !text.includes(`"${stem}"`) && !groups.includes(stem.split(".")[0] ?? "");
    });
    expect(unused).toEqual([]);
  });

  it("hold no Chinese sentence of their own", () => {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*/g, "");
    expect(code.match(/[\u4e00-\u9fff]+/g) ?? []).toEqual([]);
  });
});
