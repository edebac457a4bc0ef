/** What of a conversation goes with the next question. */
import { describe, expect, it } from "vitest";
import { messagesFor, remembered, type Turn } from "../../src/chat/turns";

function turn(id: string, question: string, ...texts: string[]): Turn {
  return { id, question, answers: texts.map((text) => ({ text, state: "complete" })), shown: texts.length - 1 };
}

const THREE = [turn("a", "q1", "a1"), turn("b", "q2", "a2"), turn("c", "q3", "a3")];

describe("messagesFor", () => {
  it("gives the last turns in their order, then the question", () => {
    expect(messagesFor(THREE, "q4", 2)).toEqual([
      { role: "user", content: "q2" },
      { role: "assistant", content: "a2" },
      { role: "user", content: "q3" },
      { role: "assistant", content: "a3" },
      { role: "user", content: "q4" },
    ]);
  });

  it("honours zero", () => {
    expect(messagesFor(THREE, "q4", 0)).toEqual([{ role: "user", content: "q4" }]);
  });

  it("leaves out a question that was never answered, and reaches one turn further back for it", () => {
    const turns = [THREE[0] as Turn, turn("x", "lost", ""), THREE[2] as Turn];
    expect(remembered(turns, 2).map(({ id }) => id)).toEqual(["a", "c"]);
  });

  it("gives the answer that is shown, not the last one", () => {
    const twice = { ...turn("a", "q1", "first", "second"), shown: 0 };
    expect(messagesFor([twice], "q2", 1)[1]).toEqual({ role: "assistant", content: "first" });
  });
});
