/** Answers as Markdown: cut into blocks without changing what is shown, nothing dangerous, nothing lost. */
import { cleanup, render } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { startLanguages } from "../../src/i18n";
import { blocks } from "../../src/markdown/blocks";
import { Markdown } from "../../src/markdown/Markdown";

startLanguages();
afterEach(cleanup);

const html = (text: string) => render(<Markdown text={text} />).container.querySelector(".prose")?.innerHTML ?? "";
const words = (text: string) => render(<Markdown text={text} />).container.querySelector(".prose")?.textContent ?? "";

const CASES = {
  paragraphs: "one\n\ntwo\n\nthree",
  fence: "before\n\n```python\na = 1\n\n\nb = 2\n```\n\nafter",
  "open fence": "before\n\n```\nstill\n\nopen",
  "longer fence": "````\n```\n\nx\n```\n\n````\n\nend",
  tilde: "~~~\na\n\n```\n\nb\n~~~\n\nend",
  "loose list": "- a\n\n- b\n\n  more of b\n\n- c\n\nend",
  "numbered list": "1. a\n\n2. b\n\n3. c",
  quote: "> a\n\n> b\n\nend",
  table: "| a | b |\n|---|---|\n| 1 | 2 |\n\nend",
  reference: "see [this]\n\nmore\n\n[this]: https://example.org",
};

describe("blocks", () => {
  it.each(Object.entries(CASES))("add up to the text: %s", (_name, text) => {
    expect(blocks(text).join("\n")).toBe(text);
  });

  it.each(Object.entries(CASES))("show what the text in one piece shows: %s", (_name, text) => {
    const whole = render(<Markdown text={`[never]: used\n\n${text}`} />); // a definition keeps a text in one piece
    const tidy = (source: string) => source.replace(/\s*\n\s*/g, "");
    expect(tidy(html(text))).toBe(tidy(whole.container.querySelector(".prose")?.innerHTML ?? ""));
  });

  it("are cut where they can be, and only there", () => {
    expect(blocks("a\n\n```\nb\n\nc\n```\n\nd")).toHaveLength(3);
    expect(blocks("- a\n\n- b\n\nend")).toHaveLength(2);
    expect(blocks("")).toEqual([""]);
  });

  it("stay the same, but for the last, while a text grows", () => {
    const text = Object.values(CASES).slice(0, 8).join("\n\n");
    let before: string[] = [];
    for (let end = 1; end <= text.length; end += 1) {
      const now = blocks(text.slice(0, end));
      expect(now.slice(0, Math.max(0, before.length - 2))).toEqual(before.slice(0, -2));
      before = now;
    }
  });
});

describe("safety", () => {
  it("shows HTML as text, in a paragraph and on its own", () => {
    expect(words("Use <b>bold</b> here")).toContain("<b>bold</b>");
    expect(words("<script>alert(1)</script>")).toContain("<script>alert(1)</script>");
    expect(html("<img src=x onerror=alert(1)>")).not.toContain("<img");
    expect(html("<iframe src='https://example.org'></iframe>")).not.toContain("<iframe");
  });

  it("turns images into links, so that nothing is fetched", () => {
    const shown = html("![a chart](https://example.org/chart.png?secret=1)");
    expect(shown).not.toContain("<img");
    expect(shown).toContain('href="https://example.org/chart.png?secret=1"');
    expect(shown).toContain("a chart");
  });

  it("keeps links from knowing where they were found, and drops those that run code", () => {
    expect(html("[x](https://example.org)")).toContain('rel="noopener noreferrer"');
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"]) {
      expect(html(`[x](${bad})`)).not.toContain("<a");
    }
  });
});

describe("what people write", () => {
  it("keeps single line ends", () => {
    expect(html("one\ntwo")).toMatch(/one<br>\s*two/);
  });

  it("does not strike Chinese ranges through", () => {
    expect(html("要 3~5 天，或 10~20 天")).not.toContain("<del>");
    expect(html("~~gone~~")).toContain("<del>gone</del>");
  });

  it("names the language of code and keeps its blank lines", () => {
    const { container } = render(<Markdown text={"```python\na\n\nb\n```"} />);
    expect(container.querySelector("figcaption")?.textContent).toBe("python");
    expect(container.querySelector("pre")?.textContent).toBe("a\n\nb\n");
  });
});
