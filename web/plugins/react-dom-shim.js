/** `react-dom` as @chatui/core knows it: with `render` and `unmountComponentAtNode`, which React 19 took away. */
import * as dom from "react-dom";
import { createRoot } from "react-dom/client";

/** @type {WeakMap<Element, import("react-dom/client").Root>} */
const roots = new WeakMap();

/** @param {import("react").ReactNode} node @param {Element} container */
export function render(node, container) {
  const root = roots.get(container) ?? createRoot(container);
  roots.set(container, root);
  root.render(node);
}

/** @param {Element} container */
export function unmountComponentAtNode(container) {
  roots.get(container)?.unmount();
  return roots.delete(container);
}

export const { createPortal, flushSync } = dom;
export default { ...dom, render, unmountComponentAtNode };
