/** A block of code with its language and a button that copies it. */
import { type ReactNode, useRef } from "react";
import { CopyButton } from "../shell/CopyButton";

/** The words of the class `language-python` that the Markdown parser writes. */
function languageOf(children: ReactNode): string {
  const className = (children as { props?: { className?: string } } | null)?.props?.className ?? "";
  return /language-(\S+)/.exec(className)?.[1] ?? "";
}

/** What stands for `pre`. */
export function CodeBlock({ children }: { children?: ReactNode }) {
  const code = useRef<HTMLPreElement>(null);
  return (
    <figure className="code">
      <figcaption>
        <span>{languageOf(children)}</span>
        <CopyButton text={() => code.current?.textContent ?? ""} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre ref={code} tabIndex={0}>
        {children}
      </pre>
    </figure>
  );
}
