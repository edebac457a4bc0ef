/**
 * A server that speaks exactly what `hanlin serve` speaks to the page, and can be told to fail in every way.
 *
 * It also serves the built page, with the Content-Security-Policy of the real server.
 */
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { answerTo, PAGE, pieces } from "./answers.mjs";

/** The policy under which the page must work. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

const ENGINE = "The engine failed; the log says why (E812).";

/**
 * Errors before the first word: status, sentence, code, parameter.
 * @type {Record<string, [number, string, string | null, (string | null)?]>}
 */
const REFUSALS = {
  "too-long": [
    400,
    "The prompt has 3,012 tokens; this model takes at most 2,048.",
    "context_length_exceeded",
    "messages",
  ],
  busy: [429, "8 requests are waiting; ask again in a moment.", "rate_limit_exceeded"],
  broken: [500, ENGINE, null],
};

/**
 * How the server behaves; all of it can be changed at any time.
 * @typedef {object} Behaviour
 * @property {number} delay milliseconds before each piece
 * @property {number} first milliseconds before the first piece
 * @property {"" | "die" | "end" | "event" | "length" | "too-long" | "busy" | "broken" | "not-json"} failure
 * @property {number} after pieces that are sent before the failure
 * @property {string} key the API key, "" for none
 * @property {number} pageStatus status of GET /v1/page
 * @property {string | null} answer the same answer to everything, null for the usual ones
 */

/** @returns {Behaviour} */
const normal = () => ({ delay: 4, first: 4, failure: "", after: 3, key: "", pageStatus: 200, answer: null });

/** What a fake server has met. */
export class Fake {
  /** @type {Behaviour} */
  behaviour = normal();
  /** @type {{ messages: { role: string, content: string }[] }[]} bodies of all chat requests */
  requests = [];
  /** Answers that the client left before their end. */
  abandoned = 0;
  #server = createServer((request, response) => {
    this.#route(request, response).catch((error) => response.destroy(error));
  });

  constructor(/** @type {string} */ folder) {
    this.folder = folder;
  }

  /** Listens on a port of 127.0.0.1 (0: any) and returns the address. */
  async start(port = 0) {
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", () => resolve(undefined)));
    const address = this.#server.address();
    this.port = typeof address === "object" && address ? address.port : port;
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends at once, in mid-answer too. */
  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Behaves well again, and forgets what it met. */
  reset() {
    this.behaviour = normal();
    this.requests = [];
    this.abandoned = 0;
  }

  async #route(
    /** @type {import("node:http").IncomingMessage} */ request,
    /** @type {import("node:http").ServerResponse} */ response,
  ) {
    const path = new URL(request.url ?? "/", "http://any").pathname;
    if (!path.startsWith("/v1/")) return this.#file(path, response);
    const { key, pageStatus } = this.behaviour;
    if (key && request.headers.authorization !== `Bearer ${key}`) {
      return fail(
        response,
        401,
        "The key in the header Authorization is not the key of this server.",
        "invalid_api_key",
      );
    }
    if (path === "/v1/page")
      return pageStatus === 200 ? send(response, 200, PAGE) : fail(response, pageStatus, "The model is loading.", null);
    if (path === "/v1/models")
      return send(response, 200, {
        object: "list",
        data: [{ id: PAGE.model, object: "model", created: 0, owned_by: "hanlin" }],
      });
    if (path === "/v1/chat/completions" && request.method === "POST") return this.#chat(request, response);
    return fail(response, 404, `There is nothing at ${path}.`, "not_found");
  }

  #file(/** @type {string} */ path, /** @type {import("node:http").ServerResponse} */ response) {
    const file = join(this.folder, normalize(path === "/" ? "/index.html" : path));
    if (!file.startsWith(this.folder) || !existsSync(file))
      return fail(response, 404, `There is nothing at ${path}.`, "not_found");
    const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(file))];
    response.writeHead(200, {
      "content-type": type,
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
    });
    createReadStream(file).pipe(response);
  }

  async #chat(
    /** @type {import("node:http").IncomingMessage} */ request,
    /** @type {import("node:http").ServerResponse} */ response,
  ) {
    const text = (await request.toArray()).join("");
    const body = JSON.parse(text);
    this.requests.push(body);
    const { failure, answer } = this.behaviour;
    if (body.model !== PAGE.model) {
      return fail(response, 404, `There is no model ${body.model}; there is ${PAGE.model}.`, "model_not_found");
    }
    if (!Array.isArray(body.messages)) return fail(response, 400, "messages must be a list.", null, "messages");
    if (failure === "not-json") return send(response, 502, "<html>Bad gateway</html>", "text/html");
    const refusal = REFUSALS[failure];
    if (refusal) return fail(response, ...refusal);
    const words = answer ?? answerTo(body.messages.at(-1).content);
    if (!body.stream) return send(response, 200, completion(words));
    return this.#stream(words, body, request, response);
  }

  async #stream(
    /** @type {string} */ words,
    /** @type {{ stream_options?: { include_usage?: boolean } }} */ body,
    /** @type {import("node:http").IncomingMessage} */ request,
    /** @type {import("node:http").ServerResponse} */ response,
  ) {
    let left = false;
    response.on("close", () => {
      left = !response.writableFinished;
      if (left) this.abandoned += 1;
    });
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
    const say = (/** @type {object} */ event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    say(chunk({ role: "assistant", content: "" }, null));
    await pause(this.behaviour.first);
    const all = pieces(words);
    for (const [index, piece] of all.entries()) {
      if (left || (index >= this.behaviour.after && this.#interrupts(say, request, response))) return;
      if (index >= this.behaviour.after && this.behaviour.failure === "length") break;
      say(chunk({ content: piece }, null));
      await pause(this.behaviour.delay);
    }
    say(chunk({}, this.behaviour.failure === "length" ? "length" : "stop"));
    if (body.stream_options?.include_usage) say({ ...chunk({}, null), choices: [], usage: usage(all.length) });
    response.end("data: [DONE]\n\n");
  }

  /** Ends a stream as the behaviour says; false where it says nothing. */
  #interrupts(
    /** @type {(event: object) => void} */ say,
    /** @type {import("node:http").IncomingMessage} */ request,
    /** @type {import("node:http").ServerResponse} */ response,
  ) {
    const { failure } = this.behaviour;
    if (failure === "die") request.socket.destroy();
    if (failure === "event") say(errorBody(500, ENGINE, null, null));
    if (failure === "end" || failure === "event") response.end();
    return ["die", "end", "event"].includes(failure);
  }
}

function chunk(/** @type {object} */ delta, /** @type {string | null} */ finish_reason) {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 0,
    model: PAGE.model,
    choices: [{ index: 0, delta, finish_reason, logprobs: null }],
  };
}

function usage(/** @type {number} */ completion_tokens) {
  return { prompt_tokens: 12, completion_tokens, total_tokens: completion_tokens + 12 };
}

function completion(/** @type {string} */ content) {
  const choice = {
    index: 0,
    message: { role: "assistant", content, refusal: null },
    finish_reason: "stop",
    logprobs: null,
  };
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 0,
    model: PAGE.model,
    choices: [choice],
    usage: usage(pieces(content).length),
  };
}

function send(
  /** @type {import("node:http").ServerResponse} */ response,
  /** @type {number} */ status,
  /** @type {unknown} */ body,
  type = "application/json",
) {
  response.writeHead(status, { "content-type": type });
  response.end(type === "application/json" ? JSON.stringify(body) : body);
}

function fail(
  /** @type {import("node:http").ServerResponse} */ response,
  /** @type {number} */ status,
  /** @type {string} */ message,
  /** @type {string | null} */ code,
  /** @type {string | null} */ param = null,
) {
  send(response, status, errorBody(status, message, code, param));
}

function errorBody(
  /** @type {number} */ status,
  /** @type {string} */ message,
  /** @type {string | null} */ code,
  /** @type {string | null} */ param,
) {
  return { error: { message, type: status < 500 ? "invalid_request_error" : "server_error", param, code } };
}
