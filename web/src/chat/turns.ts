/** What a conversation is made of, and what of it the model is given again. */
import type { Message } from "../api/client";
import type { Failure } from "../api/failure";

/** How an answer stands. Only `streaming` ever changes. */
export type State = "streaming" | "complete" | "stopped" | "length" | "filtered" | "failed";

/** One answer; `tokens` and `seconds` once they are known. */
export interface Answer {
  readonly text: string;
  readonly state: State;
  readonly failure?: Failure;
  readonly tokens?: number;
  readonly seconds?: number;
}

/** A question with all answers that were asked for; `shown` is the index of the one on the page. */
export interface Turn {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly Answer[];
  readonly shown: number;
}

/** The answer on the page. */
export function shownAnswer(turn: Turn): Answer {
  const answer = turn.answers[turn.shown];
  if (!answer) throw new RangeError(`turn ${turn.id} has no answer ${turn.shown}`);
  return answer;
}

/** Whether the model may be given a turn again: a question without any answer would only confuse it. */
function remembers(turn: Turn): boolean {
  return shownAnswer(turn).text !== "";
}

/** The last `count` turns that have an answer. */
export function remembered(turns: readonly Turn[], count: number): readonly Turn[] {
  const answered = turns.filter(remembers);
  return count === 0 ? [] : answered.slice(-count);
}

/** The messages of a request: the last `count` turns before it and the question. */
export function messagesFor(before: readonly Turn[], question: string, count: number): Message[] {
  const history = remembered(before, count).flatMap((turn): Message[] => [
    { role: "user", content: turn.question },
    { role: "assistant", content: shownAnswer(turn).text },
  ]);
  return [...history, { role: "user", content: question }];
}
