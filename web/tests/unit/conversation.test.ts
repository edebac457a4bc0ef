/** The conversation outside React: words arrive once per frame, nothing that arrived is lost, whatever happens. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Ask, Message, Piece } from "../../src/api/client";
import { Conversation } from "../../src/chat/conversation";
import { type Answer, shownAnswer } from "../../src/chat/turns";

/** A model of which the test says what comes next. */
class Script {
  asked: Message[][] = [];
  signal: AbortSignal | undefined;
  #waiting: ((step: Piece | "end" | Error) => void)[] = [];

  readonly ask: Ask = (messages, signal, begun) => {
    this.asked.push(messages);
    this.signal = signal;
    return this.#pieces(begun);
  };

  async *#pieces(begun: () => void): AsyncGenerator<Piece> {
    begun();
    for (;;) {
      const step = await new Promise<Piece | "end" | Error>((resolve) => this.#waiting.push(resolve));
      if (step === "end") return;
      if (step instanceof Error) throw step;
      yield step;
    }
  }

  async say(...steps: (Piece | "end" | Error)[]): Promise<void> {
    for (const step of steps) {
      await settled();
      this.#waiting.shift()?.(step);
      await settled();
    }
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

let frames: (() => void)[] = [];
let script: Script;
let chat: Conversation;
let told: number;

const paint = () => {
  for (const work of frames.splice(0)) work();
};
const answer = (): Answer => shownAnswer(chat.turns().at(-1) as never);

beforeEach(() => {
  frames = [];
  script = new Script();
  chat = new Conversation(
    [],
    (work) => frames.push(work),
    () => 0,
  );
  told = 0;
  chat.subscribe(() => {
    told += 1;
  });
});

describe("streaming", () => {
  it("tells of many pieces once per frame", async () => {
    void chat.ask("q", script.ask, 3);
    await script.say({ text: "a" });
    const before = told;
    await script.say({ text: "b" }, { text: "c" });
    expect([told, answer().text, frames.length]).toEqual([before, "", 1]);
    paint();
    expect([told, answer().text, answer().state]).toEqual([before + 1, "abc", "streaming"]);
  });

  it("ends complete, with everything that arrived even when no frame ever came", async () => {
    const done = chat.ask("q", script.ask, 3);
    await script.say({ text: "all of it" }, { finish: "stop" }, { tokens: 4 }, "end");
    await done;
    expect(answer()).toEqual({ text: "all of it", state: "complete", tokens: 4, seconds: 0 });
    expect(chat.busy()).toBe(false);
    paint();
    expect(answer().text).toBe("all of it");
  });

  it.each([
    ["length", "length"],
    ["content_filter", "filtered"],
  ] as const)("says why it ended: %s", async (finish, state) => {
    const done = chat.ask("q", script.ask, 3);
    await script.say({ text: "x" }, { finish }, "end");
    await done;
    expect(answer().state).toBe(state);
  });

  it("leaves other turns the objects that they were, so that they are not rendered again", async () => {
    const done = chat.ask("one", script.ask, 3);
    await script.say({ text: "1" }, { finish: "stop" }, "end");
    await done;
    const first = chat.turns()[0];
    void chat.ask("two", script.ask, 3);
    await script.say({ text: "2" });
    paint();
    expect(chat.turns()[0]).toBe(first);
  });

  it("takes no second question while an answer comes in", async () => {
    void chat.ask("one", script.ask, 3);
    await chat.ask("two", script.ask, 3);
    expect(chat.turns()).toHaveLength(1);
  });
});

describe("an answer that breaks off", () => {
  it("keeps its words when the connection dies", async () => {
    const done = chat.ask("q", script.ask, 3);
    await script.say({ text: "so far" }, new TypeError("network error"));
    await done;
    expect(answer()).toEqual({ text: "so far", state: "failed", failure: { kind: "cut" } });
  });

  it("counts as cut when the stream ends in good order but without a reason: the process died", async () => {
    const done = chat.ask("q", script.ask, 3);
    await script.say({ text: "so far" }, "end");
    await done;
    expect(answer().failure).toEqual({ kind: "cut" });
  });

  it("stops when told to, keeps its words, and hears nothing more", async () => {
    void chat.ask("q", script.ask, 3);
    await script.say({ text: "so far" });
    chat.stop();
    expect(script.signal?.aborted).toBe(true);
    await script.say({ text: " and more" }, { finish: "stop" });
    expect(answer()).toEqual({ text: "so far", state: "stopped" });
  });

  it("may be stopped and followed by the next question at once", async () => {
    void chat.ask("one", script.ask, 3);
    await script.say({ text: "1" });
    chat.stop();
    const second = new Script();
    const done = chat.ask("two", second.ask, 3);
    await script.say(new Error("late echo of the first"));
    await second.say({ text: "2" }, { finish: "stop" }, "end");
    await done;
    expect(chat.turns().map((turn) => shownAnswer(turn).text)).toEqual(["1", "2"]);
    expect(second.asked[0]).toContainEqual({ role: "assistant", content: "1" });
  });
});

describe("asking again", () => {
  it("keeps the earlier answer and leaves it out of the request", async () => {
    const done = chat.ask("q", script.ask, 3);
    await script.say({ text: "first" }, { finish: "stop" }, "end");
    await done;
    const again = chat.again(chat.turns()[0]?.id ?? "", script.ask, 3);
    await script.say({ text: "second" }, { finish: "stop" }, "end");
    await again;
    expect(chat.turns()[0]?.answers.map(({ text }) => text)).toEqual(["first", "second"]);
    expect(script.asked[1]).toEqual([{ role: "user", content: "q" }]);
    chat.show(chat.turns()[0]?.id ?? "", 0);
    expect(answer().text).toBe("first");
    chat.show(chat.turns()[0]?.id ?? "", 7);
    expect(answer().text).toBe("first");
  });

  it("begins anew with nothing, in mid-answer too", async () => {
    void chat.ask("q", script.ask, 3);
    await script.say({ text: "x" });
    chat.clear();
    expect([chat.turns(), chat.busy(), script.signal?.aborted]).toEqual([[], false, true]);
  });
});
