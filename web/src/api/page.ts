/** What the server tells the page about itself: GET /v1/page. */

/** The same sentence in both languages. */
export interface Bilingual {
  zh: string;
  en: string;
}

/** One thing the model was trained to do, with its share of right answers on cases that training never saw. */
export interface Skill extends Bilingual {
  name: string;
  accuracy: number | null;
}

/** The answer of GET /v1/page. */
export interface Page {
  model: string;
  history_turns: number;
  max_seq_len: number;
  suggestions: Bilingual[];
  skills: Skill[];
  version: string;
}

/** Why there is no `Page`: nobody answers, a key is asked for, or the answer makes no sense. */
export type Absence = "offline" | "locked" | "starting" | "strange";

/** An absence as an error, so that callers meet it in one place. */
export class NoPage extends Error {
  constructor(readonly absence: Absence) {
    super(absence);
  }
}

/** Where the server's API stands, seen from the page. */
export function apiBase(): string {
  return new URL("v1", document.baseURI).href;
}

/** Reads what the server tells. Throws `NoPage`. */
export async function readPage(key: string, signal?: AbortSignal): Promise<Page> {
  const headers: HeadersInit = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch(`${apiBase()}/page`, { headers, cache: "no-store", ...(signal && { signal }) }).catch(
    () => null,
  );
  if (!response) throw new NoPage("offline");
  if (response.status === 401 || response.status === 403) throw new NoPage("locked");
  if (response.status === 503) throw new NoPage("starting");
  const value: unknown = response.ok ? await response.json().catch(() => null) : null;
  if (!isPage(value)) throw new NoPage("strange");
  return value;
}

function isPage(value: unknown): value is Page {
  const page = value as Page | null;
  return (
    typeof page?.model === "string" &&
    Number.isInteger(page.history_turns) &&
    Number.isInteger(page.max_seq_len) &&
    Array.isArray(page.suggestions) &&
    Array.isArray(page.skills)
  );
}
