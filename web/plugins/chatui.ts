/**
 * What @chatui/core 3.8.0 needs before it can be built into this page.
 *
 * Its `browser` entry is UMD and gives React an object instead of components; its stylesheet fetches three fonts from
 * another host; it calls `ReactDOM.render`, which React 19 no longer has; it declares each message an assertive alert,
 * so that a screen reader would read every streamed word at once; it names quick replies in Chinese whatever the page's
 * language is. Each repair fails the build when the text that it repairs is no longer there.
 */
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const PACKAGE = "/node_modules/@chatui/core/";
const ALERT = /role: "alert",\s*"aria-live": "assertive",\s*"aria-atomic": "false"/;
const CHINESE_LABEL = /"aria-label": "\\u5FEB[^\n]*\n/;

/** One repair: the file that it is for, what it looks for, what takes its place. */
interface Repair {
  file: string;
  find: RegExp;
  put: string;
}

export const REPAIRS: readonly Repair[] = [
  { file: "dist/index.css", find: /@font-face\s*\{[^}]*\}/g, put: "" },
  { file: "es/components/Message/Message.js", find: ALERT, put: "" },
  { file: "es/components/QuickReplies/QuickReply.js", find: CHINESE_LABEL, put: "\n" },
];

/** The text of one file of the package, repaired; null when the file needs none. */
export function repaired(id: string, code: string): string | null {
  const place = id.split("?")[0]?.split(PACKAGE)[1];
  const repair = REPAIRS.find(({ file }) => file === place);
  if (!repair) return null;
  const text = code.replace(repair.find, repair.put);
  if (text === code) throw new Error(`@chatui/core: nothing to repair in ${repair.file}; was it updated?`);
  // In a cascade layer of its own the stylesheet lies below ours, whatever its selectors are.
  return repair.file.endsWith(".css") ? `@layer chatui{${text}}` : text;
}

/** The plugin: aliases, the repairs, and leave to drop whatever the page does not import. */
export function chatui(): Plugin {
  const root = fileURLToPath(new URL("..", import.meta.url));
  return {
    name: "hanlin-chatui",
    enforce: "pre",
    config: () => ({
      resolve: { alias: [{ find: /^@chatui\/core$/, replacement: `${root}node_modules/@chatui/core/es/index.js` }] },
      optimizeDeps: { exclude: ["@chatui/core"] },
    }),
    async resolveId(source, importer) {
      if (!importer?.includes(PACKAGE)) return null;
      if (source === "react-dom") return `${root}plugins/react-dom-shim.js`;
      if (source === "intersection-observer") return { id: "\0hanlin-nothing", moduleSideEffects: false };
      const found = await this.resolve(source, importer, { skipSelf: true });
      return found && !found.external ? { ...found, moduleSideEffects: false } : found;
    },
    load: (id) => (id === "\0hanlin-nothing" ? "export {};" : null),
    transform(code, id) {
      const text = repaired(id, code);
      return text === null ? null : { code: text, map: null, moduleSideEffects: id.endsWith(".css") };
    },
  };
}
