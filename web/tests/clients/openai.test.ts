/**
 * openai for Node against a server: streaming, unary, errors, abort.
 *
 * HANLIN_SERVER names a live `hanlin serve` (HANLIN_KEY its key); without it, the fake server stands in, so that the
 * tests themselves are tested.
 */
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fake } from "../fake-server/server.mjs";

const live = process.env.HANLIN_SERVER;
const key = process.env.HANLIN_KEY ?? "none";
const fake = new Fake("/nowhere");
let client: OpenAI;
let model: string;

beforeAll(async () => {
  const address = live ?? (await fake.start());
  client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
  model = (await client.models.list()).data[0]?.id ?? "";
  fake.behaviour.delay = 20;
});
afterAll(() => (live ? undefined : fake.stop()));

const QUESTIONS = ["What is 37 + 58?", "计算 37 + 58。"];
const messages = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: "user", content }];

/** The error of a request that must fail. */
async function refused(body: object): Promise<InstanceType<typeof OpenAI.APIError>> {
  const request = client.chat.completions.create(body as OpenAI.ChatCompletionCreateParamsNonStreaming);
  const error = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(OpenAI.APIError);
  return error as InstanceType<typeof OpenAI.APIError>;
}

describe("models", () => {
  it("lists the model that answers", async () => {
    const { data } = await client.models.list();
    expect(data.length).toBeGreaterThan(0);
    expect(data[0]).toMatchObject({ object: "model", id: expect.any(String), owned_by: expect.any(String) });
  });
});

describe("a whole answer", () => {
  it.each(QUESTIONS)("has words, a reason to end, and a count: %s", async (question) => {
    const answer = await client.chat.completions.create({ model, messages: messages(question), temperature: 0 });
    const choice = answer.choices[0];
    expect(answer).toMatchObject({ object: "chat.completion", model });
    expect(choice).toMatchObject({ index: 0, message: { role: "assistant" } });
    expect(["stop", "length"]).toContain(choice?.finish_reason);
    expect(choice?.message.content?.length).toBeGreaterThan(0);
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = answer.usage ?? {};
    expect(Math.min(prompt_tokens, completion_tokens)).toBeGreaterThan(0);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });
});

describe("a streamed answer", () => {
  it.each(QUESTIONS)("adds up to the whole one, character by character: %s", async (question) => {
    const body = { model, messages: messages(question), temperature: 0 };
    const whole = await client.chat.completions.create(body);
    const stream = await client.chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    // Also where a model writes half a character: both ways must show the same. So no test for U+FFFD of its own.
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(chunks.every((chunk) => chunk.object === "chat.completion.chunk" && chunk.id === chunks[0]?.id)).toBe(true);
    const reasons = chunks.flatMap((chunk) => chunk.choices[0]?.finish_reason ?? []);
    expect(reasons).toEqual([whole.choices[0]?.finish_reason]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: whole.usage?.completion_tokens } });
  });

  it("comes through the helper that collects it", async () => {
    const stream = client.chat.completions.stream({ model, messages: messages(QUESTIONS[0] ?? ""), temperature: 0 });
    const deltas: string[] = [];
    stream.on("content", (delta) => deltas.push(delta));
    const end = await stream.finalChatCompletion();
    expect(deltas.join("")).toBe(end.choices[0]?.message.content);
  });
});

describe("abort", () => {
  it("ends a stream, and the server answers the next request", async () => {
    const abort = new AbortController();
    const question = "Who are you, and what can you do?";
    const stream = await client.chat.completions.create(
      { model, messages: messages(question), stream: true },
      { signal: abort.signal },
    );
    let seen = 0;
    for await (const chunk of stream) {
      seen += chunk.choices[0]?.delta.content ? 1 : 0;
      if (seen === 2) abort.abort();
    }
    expect(seen).toBeLessThan(20);
    if (!live) await expect.poll(() => fake.abandoned).toBe(1);
    const next = await client.chat.completions.create({ model, messages: messages(QUESTIONS[0] ?? "") });
    expect(next.choices).toHaveLength(1);
  });

  it("before the first word is an abort too", async () => {
    const abort = new AbortController();
    const request = client.chat.completions.create(
      { model, messages: messages("x"), stream: true },
      { signal: abort.signal },
    );
    abort.abort();
    await expect(request).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
  });
});

describe("errors", () => {
  it("name the model that there is", async () => {
    const error = await refused({ model: "no-such-model", messages: messages("x") });
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found" });
    expect(error.message).toContain("no-such-model");
  });

  it("refuse messages that are none", async () => {
    const error = await refused({ model, messages: 7 });
    expect([400, 422]).toContain(error.status);
    expect(error).toMatchObject({
      type: "invalid_request_error",
      error: { message: expect.stringMatching(/messages/) },
    });
  });

  it("give both numbers for a prompt that is too long, and end no connection", async () => {
    if (!live) fake.behaviour.failure = "too-long";
    const error = await refused({ model, messages: messages("word ".repeat(40_000)) });
    fake.behaviour.failure = "";
    expect(error).toMatchObject({ status: 400, code: "context_length_exceeded", type: "invalid_request_error" });
    expect(error.message.match(/\d[\d,]*/g)?.length).toBeGreaterThanOrEqual(3); // the status and two numbers
  });

  it("refuse a key that is not the server's, where it has one", async () => {
    if (!live) fake.behaviour.key = "right";
    const wrong = new OpenAI({ baseURL: client.baseURL, apiKey: "wrong", maxRetries: 0 });
    const answer = await wrong.models.list().catch((error: unknown) => error);
    fake.behaviour.key = "";
    if (!live || process.env.HANLIN_KEY) expect(answer).toBeInstanceOf(OpenAI.AuthenticationError);
    else expect(answer).toHaveProperty("data");
  });

  it("say that nobody is there", async () => {
    const nowhere = new OpenAI({ baseURL: "http://127.0.0.1:9/v1", apiKey: "x", maxRetries: 0 });
    await expect(nowhere.models.list()).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
  });
});
