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

const ROOT = fileURLToPath(new URL("..", import.meta.url));
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

/** The repairs, and leave to drop whatever the page does not import; for the build, and for what Vite bundles in advance. */
function repairs(): Plugin {
  return {
    name: "hanlin-chatui",
    async resolveId(source, importer) {
      if (!importer?.includes(PACKAGE)) return null;
      if (source === "react-dom") return `${ROOT}plugins/react-dom-shim.js`;
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

/** The plugin: the right entry, and the repairs. */
export function chatui(): Plugin {
  return {
    ...repairs(),
    enforce: "pre",
    config: () => ({
      resolve: { alias: [{ find: /^@chatui\/core$/, replacement: `${ROOT}node_modules/@chatui/core/es/index.js` }] },
      // The development server bundles packages without the page's plugins: this one needs its repairs there too.
      optimizeDeps: { include: ["@chatui/core"], rolldownOptions: { plugins: [repairs()] } },
    }),
  };
}
