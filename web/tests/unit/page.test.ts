/** What the page makes of GET /v1/page, and of its absence. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { readPage } from "../../src/api/page";
import { PAGE } from "../fake-server/answers.mjs";

afterEach(() => vi.unstubAllGlobals());

function answering(answer: () => Promise<Response>) {
  const fetch = vi.fn((_input: RequestInfo | URL, _init?: RequestInit) => answer());
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

const json = (status: number, body: unknown) => async () => new Response(JSON.stringify(body), { status });

describe("readPage", () => {
  it("gives what the server tells, and sends the key where there is one", async () => {
    const fetch = answering(json(200, PAGE));
    expect(await readPage("secret")).toEqual(PAGE);
    expect(fetch.mock.calls[0]?.[0]).toMatch(/\/v1\/page$/);
    expect(fetch.mock.calls[0]?.[1]?.headers).toEqual({ authorization: "Bearer secret" });
    await readPage("");
    expect(fetch.mock.calls[1]?.[1]?.headers).toEqual({});
  });

  it.each([
    ["locked", json(401, {})],
    ["starting", json(503, {})],
    ["strange", json(404, {})],
    ["strange", json(200, { model: "x" })],
    ["strange", async () => new Response("<html>", { status: 200 })],
    ["offline", async () => Promise.reject(new TypeError("Failed to fetch"))],
  ] as const)("says %s", async (absence, answer) => {
    answering(answer);
    await expect(readPage("")).rejects.toMatchObject({ absence });
  });
});
