/** What errors mean: as the `openai` package throws them, made by itself from what a server sends. */
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { failureOf } from "../../src/api/failure";

/** What the package makes of an HTTP answer. */
function thrown(status: number, error: object | undefined): unknown {
  return OpenAI.APIError.generate(status, error && { error }, undefined, new Headers());
}

describe("failureOf", () => {
  it("tells nobody there from cut off", () => {
    const gone = new OpenAI.APIConnectionError({ message: "Connection error." });
    expect(failureOf(gone, false)).toEqual({ kind: "offline" });
    expect(failureOf(new TypeError("network error"), true)).toEqual({ kind: "cut" });
    expect(failureOf(undefined, false)).toEqual({ kind: "offline" });
  });

  it("knows a prompt that is too long, and keeps the server's sentence with both numbers", () => {
    const sentence = "The prompt has 3,012 tokens; this model takes at most 2,048.";
    const error = thrown(400, { message: sentence, code: "context_length_exceeded" });
    expect(failureOf(error, false)).toEqual({ kind: "too-long", sentence, status: 400 });
  });

  it.each([
    [401, "key"],
    [403, "key"],
    [429, "busy"],
    [503, "busy"],
    [400, "refused"],
    [404, "refused"],
    [500, "refused"],
  ] as const)("takes status %i for %s", (status, kind) => {
    expect(failureOf(thrown(status, { message: "Because." }), false)).toEqual({ kind, sentence: "Because.", status });
  });

  it("takes an error event in mid-stream at its word", () => {
    const error = new OpenAI.APIError(undefined, { message: "The engine failed." }, undefined, new Headers());
    expect(failureOf(error, true)).toEqual({ kind: "refused", sentence: "The engine failed." });
  });

  it("says what it can of an answer that is no JSON", () => {
    expect(failureOf(thrown(502, undefined), false)).toMatchObject({ kind: "refused", status: 502 });
  });
});
