/** The model behind the page, asked through the `openai` package, which is loaded with the first question. */
import type OpenAI from "openai";
import { apiBase } from "./page";

/** One message of a request. */
export interface Message {
  role: "user" | "assistant";
  content: string;
}

/** Why the model ended. */
export type FinishReason = "stop" | "length" | "content_filter";

/** What arrives while an answer streams: words, its end, or the count of tokens. */
export type Piece = { text: string } | { finish: FinishReason } | { tokens: number };

/** Whoever answers messages, piece by piece. `begun` is called as soon as the server has accepted the request. */
export type Ask = (messages: Message[], signal: AbortSignal, begun: () => void) => AsyncIterable<Piece>;

let library: Promise<typeof import("openai")> | undefined;

/** Loads the `openai` package once; a failed load (server gone) is tried again with the next question. */
function load(): Promise<typeof import("openai")> {
  library ??= import("openai").catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

/** An `Ask` for one model. The page never retries by itself: the user sees what happened and decides. */
export function asking(model: string, key: string): Ask {
  return async function* ask(messages, signal, begun) {
    const { default: Client } = await load();
    const client = new Client({
      baseURL: apiBase(),
      apiKey: key || "none",
      dangerouslyAllowBrowser: true,
      maxRetries: 0,
    });
    const stream = await client.chat.completions.create(
      { model, messages, stream: true, stream_options: { include_usage: true } },
      { signal },
    );
    begun();
    for await (const chunk of stream) yield* pieces(chunk);
  };
}

function* pieces(chunk: OpenAI.ChatCompletionChunk): Generator<Piece> {
  const choice = chunk.choices[0];
  if (choice?.delta?.content) yield { text: choice.delta.content };
  if (choice?.finish_reason) yield { finish: choice.finish_reason as FinishReason };
  if (chunk.usage) yield { tokens: chunk.usage.completion_tokens };
}
