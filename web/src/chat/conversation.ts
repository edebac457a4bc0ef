/**
 * The conversation, outside React: components subscribe, and hear of new words at most once per frame.
 *
 * A model that sends a hundred pieces a second would otherwise make React render a hundred times a second.
 */
import type { Ask, FinishReason, Piece } from "../api/client";
import { failureOf } from "../api/failure";
import { type Answer, messagesFor, type State, type Turn } from "./turns";

/** Runs a function with the next frame; in a page that nobody looks at, no frame ever comes. */
export type Frame = (work: () => void) => void;

const STATES: Record<FinishReason, State> = { stop: "complete", length: "length", content_filter: "filtered" };

/** Turns, the answer that is coming in, and those who want to know. */
export class Conversation {
  #turns: readonly Turn[];
  #listeners = new Set<() => void>();
  #running: { id: string; abort: AbortController; arrived: string; waiting: boolean } | undefined;

  constructor(
    turns: readonly Turn[] = [],
    private readonly frame: Frame = (work) => requestAnimationFrame(work),
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#turns = turns;
  }

  /** All turns; a new array whenever anything in it changed, the same objects where nothing did. */
  readonly turns = (): readonly Turn[] => this.#turns;

  /** Whether an answer is coming in. */
  readonly busy = (): boolean => this.#running !== undefined;

  /** Calls `listener` after each change; returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks a question after the last `historyTurns` turns. Does nothing while an answer is coming in. */
  async ask(question: string, ask: Ask, historyTurns: number): Promise<void> {
    if (this.#running) return;
    const turn: Turn = { id: crypto.randomUUID(), question, answers: [{ text: "", state: "streaming" }], shown: 0 };
    const before = this.#turns;
    this.#set([...before, turn]);
    await this.#answer(turn, before, ask, historyTurns);
  }

  /** Asks a turn's question again; earlier answers stay. Does nothing while an answer is coming in. */
  async again(id: string, ask: Ask, historyTurns: number): Promise<void> {
    const at = this.#turns.findIndex((turn) => turn.id === id);
    const old = this.#turns[at];
    if (this.#running || !old) return;
    const answers: Answer[] = [...old.answers, { text: "", state: "streaming" }];
    const turn: Turn = { ...old, answers, shown: answers.length - 1 };
    this.#replace(turn);
    await this.#answer(turn, this.#turns.slice(0, at), ask, historyTurns);
  }

  /** Ends the answer that is coming in; its words stay. */
  stop(): void {
    this.#running?.abort.abort();
    this.#settle({ state: "stopped" });
  }

  /** Shows another answer of a turn. */
  show(id: string, index: number): void {
    const turn = this.#turns.find((one) => one.id === id);
    if (turn?.answers[index]) this.#replace({ ...turn, shown: index });
  }

  /** Begins anew. */
  clear(): void {
    this.stop();
    this.#set([]);
  }

  async #answer(turn: Turn, before: readonly Turn[], ask: Ask, historyTurns: number): Promise<void> {
    const run = { id: turn.id, abort: new AbortController(), arrived: "", waiting: false };
    const started = this.now();
    const end: { state?: State; tokens?: number } = {};
    let begun = false;
    this.#running = run;
    this.#tell();
    try {
      const messages = messagesFor(before, turn.question, historyTurns);
      for await (const piece of ask(messages, run.abort.signal, () => (begun = true))) {
        if (this.#running !== run) return;
        this.#take(piece, end);
      }
      // A stream that ends without saying why was cut: a process that dies closes its connections in good order.
      if (!end.state) throw new TypeError("the stream ended without a finish reason");
      if (this.#running === run) this.#settle({ ...end, seconds: (this.now() - started) / 1000 });
    } catch (error) {
      if (this.#running === run) this.#settle({ state: "failed", failure: failureOf(error, begun) });
    }
  }

  #take(piece: Piece, end: { state?: State; tokens?: number }): void {
    if ("text" in piece) this.#append(piece.text);
    else if ("finish" in piece) end.state = STATES[piece.finish] ?? "complete";
    else end.tokens = piece.tokens;
  }

  #append(text: string): void {
    const run = this.#running;
    if (!run) return;
    run.arrived += text;
    if (run.waiting) return;
    run.waiting = true;
    this.frame(() => {
      run.waiting = false;
      if (this.#running === run) this.#change({});
    });
  }

  #settle(change: Partial<Answer>): void {
    if (!this.#running) return;
    this.#change(change);
    this.#running = undefined;
    this.#tell();
  }

  /** Brings what has arrived, and other changes, into the running answer. */
  #change(change: Partial<Answer>): void {
    const run = this.#running;
    const turn = this.#turns.find((one) => one.id === run?.id);
    if (!run || !turn) return;
    const last = turn.answers.length - 1;
    const answer = { ...(turn.answers[last] as Answer), ...change };
    this.#replace({ ...turn, answers: turn.answers.with(last, { ...answer, text: run.arrived }) });
  }

  #replace(turn: Turn): void {
    this.#set(this.#turns.map((one) => (one.id === turn.id ? turn : one)));
  }

  #set(turns: readonly Turn[]): void {
    this.#turns = turns;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
