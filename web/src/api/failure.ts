/** Why an answer did not come, or did not come whole. */

/**
 * - `offline`: nobody answered at all
 * - `cut`: the connection or the process behind it died in mid-answer
 * - `too-long`: the prompt does not fit; the server's sentence has both numbers
 * - `key`: the server asks for a key
 * - `busy`: it has too much to do, or is still loading
 * - `refused`: any other error that the server explains
 */
export type FailureKind = "offline" | "cut" | "too-long" | "key" | "busy" | "refused";

/** A failure as the page shows it; `sentence` are the server's own words. */
export interface Failure {
  kind: FailureKind;
  sentence?: string;
  status?: number;
}

/** The parts of an error of the `openai` package that matter here (its classes load with the first question). */
interface ApiError {
  status?: number;
  code?: string | null;
  message?: string;
  error?: { message?: string; code?: string | null } | string;
}

/** What an error thrown while asking means. `answering`: the server had already begun to answer. */
export function failureOf(thrown: unknown, answering: boolean): Failure {
  const error = (thrown ?? {}) as ApiError;
  const body = typeof error.error === "object" ? error.error : undefined;
  const sentence = body?.message ?? (error.status === undefined ? undefined : error.message);
  if (error.status === undefined && body === undefined) return { kind: answering ? "cut" : "offline" };
  const kind = kindOf(error.status, body?.code ?? error.code ?? "");
  return { kind, ...(sentence && { sentence }), ...(error.status && { status: error.status }) };
}

function kindOf(status: number | undefined, code: string): FailureKind {
  if (code === "context_length_exceeded") return "too-long";
  if (status === 401 || status === 403) return "key";
  if (status === 429 || status === 503) return "busy";
  return "refused";
}
