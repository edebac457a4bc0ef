/** An answer as Markdown: sanitised, without HTML of its own, without images, its links leaving the page safely. */
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import ReactMarkdown, { type Components, type Options } from "react-markdown";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { langOf } from "../i18n/script";
import { blocks } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import { remarkPlain } from "./plain";

const SAFE = /^(https?:|mailto:)/i;

/** A link that opens elsewhere and tells nobody where it was found; without a safe address, only its words. */
function Link({ href, children }: { href?: string | undefined; children?: ReactNode }) {
  if (!href || !SAFE.test(href)) return <span>{children}</span>;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

/** An image is a link to it: fetching one would tell its host what was talked about. */
function ImageLink({ src, alt }: { src?: unknown; alt?: string | undefined }) {
  const href = typeof src === "string" ? src : "";
  return <Link href={href}>{alt || href}</Link>;
}

/** A table that scrolls by itself where the page is too narrow for it. */
function Table({ children }: { children?: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <div className="table" tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

/** The box of a task list, which nobody can tick; without a name a screen reader would only say "checkbox". */
function Tick({ checked = false }: { checked?: boolean | undefined }) {
  const { t } = useTranslation();
  return <input type="checkbox" disabled checked={checked} aria-label={t(checked ? "prose.done" : "prose.open")} />;
}

const COMPONENTS: Components = { a: Link, img: ImageLink, input: Tick, table: Table, pre: CodeBlock };
const PLUGINS: Pick<Options, "remarkPlugins" | "rehypePlugins"> = {
  // One tilde is no strike-through: Chinese writes 3~5 for a range.
  remarkPlugins: [[remarkGfm, { singleTilde: false }], remarkPlain],
  rehypePlugins: [rehypeSanitize],
};

const Block = memo(function Block({ text }: { text: string }) {
  return (
    <ReactMarkdown {...PLUGINS} components={COMPONENTS}>
      {text}
    </ReactMarkdown>
  );
});

/** Renders `text`; while it grows, only its last block is rendered again. */
export function Markdown({ text }: { text: string }) {
  return (
    <div className="prose" dir="auto" lang={langOf(text)}>
      {blocks(text).map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks only grow at the end, so the index is their name
        <Block key={index} text={block} />
      ))}
    </div>
  );
}
