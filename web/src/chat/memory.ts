/** The conversation across a reload: kept for this tab only, gone with it. */
import type { Turn } from "./turns";

const KEY = "hanlin.turns";

/** The turns of this tab before it was reloaded; an answer that was coming in then counts as stopped. */
export function recall(): readonly Turn[] {
  try {
    const turns = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Turn[];
    return turns.map((turn) => ({
      ...turn,
      answers: turn.answers.map((answer) => (answer.state === "streaming" ? { ...answer, state: "stopped" } : answer)),
    }));
  } catch {
    return []; // storage forbidden, or written by another version of the page: begin anew
  }
}

/** Keeps the turns for `recall`. */
export function keep(turns: readonly Turn[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(turns));
  } catch {
    // Storage forbidden or full: the page works, a reload begins anew.
  }
}
