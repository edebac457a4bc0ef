/** Two changes to parsed Markdown: nothing the model wrote may vanish, and lines end where it ended them. */
import type { Nodes, Parent, PhrasingContent, RootContent } from "mdast";

/** A remark plugin: HTML is shown as the text it is (a sanitiser would drop it), and single line ends are kept. */
export function remarkPlain() {
  return (tree: Nodes): void => walk(tree);
}

function walk(node: Nodes): void {
  if (!("children" in node)) return;
  const parent = node as Parent;
  parent.children = parent.children.flatMap((child) => plain(child, node));
  for (const child of parent.children) walk(child);
}

function plain(node: RootContent, parent: Nodes): RootContent[] {
  if (node.type === "html") {
    const text: RootContent = { type: "text", value: node.value };
    return isPhrasing(parent) ? lines(node.value) : [{ type: "paragraph", children: [text] }];
  }
  return node.type === "text" ? lines(node.value) : [node];
}

/** Whether a node holds words rather than paragraphs. */
function isPhrasing(node: Nodes): boolean {
  return !["root", "blockquote", "listItem", "footnoteDefinition"].includes(node.type);
}

function lines(value: string): PhrasingContent[] {
  return value
    .split("\n")
    .flatMap((line, index): PhrasingContent[] =>
      index ? [{ type: "break" }, { type: "text", value: line }] : [{ type: "text", value: line }],
    );
}
