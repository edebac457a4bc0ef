/** How many earlier turns go with each question: the server's number until the user takes another. */
import { useState } from "react";

/** What can be chosen; the server's own number is added where it is none of these. */
export const CHOICES: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20];

const KEY = "hanlin.historyTurns";

/** The user's number, undefined as long as there is none. 0 is a number like any other. */
function chosen(): number | undefined {
  try {
    const text = localStorage.getItem(KEY);
    const value = Number(text);
    return text && Number.isInteger(value) && value >= 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The number in force, and what changes it. */
export function useHistoryTurns(server: number): [number, (value: number) => void] {
  const [own, setOwn] = useState(chosen);
  const choose = (value: number) => {
    setOwn(value);
    try {
      localStorage.setItem(KEY, String(value));
    } catch {
      // Storage forbidden: the number holds until the page is closed.
    }
  };
  return [own ?? server, choose];
}
