/** The whole page in a small browser of its own, with the answers of a server made up here. */
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../../src/App";
import { chooseLanguage, startLanguages } from "../../src/i18n";
import { PAGE } from "../fake-server/answers.mjs";

startLanguages();

interface ChatBody {
  model: string;
  stream: boolean;
  messages: { role: string; content: string }[];
}

let asked: ChatBody[] = [];
let page: () => Response;

/** One answer as a server streams it. */
function streamed(...words: string[]): Response {
  const events = words.map((content) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }));
  const end = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
  const usage = { choices: [], usage: { prompt_tokens: 1, completion_tokens: words.length, total_tokens: 9 } };
  const lines = [...events, end, usage].map((event) => `data: ${JSON.stringify(event)}\n\n`);
  return new Response(`${lines.join("")}data: [DONE]\n\n`, { headers: { "content-type": "text/event-stream" } });
}

beforeEach(() => {
  asked = [];
  page = () => Response.json(PAGE);
  localStorage.clear();
  sessionStorage.clear();
  chooseLanguage("en");
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    if (String(input).endsWith("/v1/page")) return page();
    asked.push(JSON.parse(String(init?.body)) as ChatBody);
    return streamed("Answer ", String(asked.length));
  });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function open(): Promise<HTMLTextAreaElement> {
  render(<App />);
  await screen.findByText(PAGE.model);
  return screen.getByRole("textbox") as HTMLTextAreaElement;
}

async function ask(field: HTMLTextAreaElement, question: string): Promise<void> {
  const number = asked.length + 1;
  fireEvent.change(field, { target: { value: question } });
  fireEvent.keyDown(field, { key: "Enter" });
  await screen.findByText(`Answer ${number}`);
  await waitFor(() => expect(document.querySelector(".streaming")).toBeNull());
}

describe("the page", () => {
  it("tells what the server tells: model, suggestions, skills with their numbers", async () => {
    await open();
    expect(screen.getAllByRole("button", { name: /Good morning/ })).toHaveLength(1);
    expect(screen.getByText("97.4%")).toBeTruthy();
    expect(screen.getByText("not measured")).toBeTruthy();
    const skills = [...document.querySelectorAll(".skills dd")].map((cell) => cell.textContent);
    expect(skills, "the best first").toEqual(["97.4%", "96.2%", "95.1%", "94%", "92.8%", "not measured"]);
  });

  it("asks with the history that it shows, and with another when told so", async () => {
    const field = await open();
    for (const question of ["q1", "q2", "q3", "q4", "q5"]) await ask(field, question);
    const contents = (at: number) => asked[at]?.messages.map(({ content }) => content);
    expect(contents(4)).toEqual(["q2", "Answer 2", "q3", "Answer 3", "q4", "Answer 4", "q5"]);
    expect(asked[4]).toMatchObject({ model: PAGE.model, stream: true });
    expect(screen.getByText("The model still remembers from here on")).toBeTruthy();
    fireEvent.change(screen.getByRole("combobox"), { target: { value: "0" } });
    await ask(field, "q6");
    expect(contents(5)).toEqual(["q6"]);
  });

  it("sends a suggestion in the language of the page", async () => {
    await open();
    fireEvent.click(screen.getByRole("button", { name: "切换到中文" }));
    fireEvent.click(screen.getByRole("button", { name: /计算 37/ }));
    await screen.findByText("Answer 1");
    expect(asked[0]?.messages).toEqual([{ role: "user", content: "计算 37 + 58。" }]);
    expect(document.documentElement.lang).toBe("zh-CN");
  });

  it("answers again, keeps both, and forgets all with a new chat", async () => {
    const field = await open();
    await ask(field, "q1");
    fireEvent.click(screen.getByRole("button", { name: "Answer again" }));
    await screen.findByText("Answer 2");
    expect(screen.getByText("2/2")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Previous answer" }));
    expect(screen.getByText("Answer 1")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "New chat" }));
    expect(screen.queryByText("Answer 1")).toBeNull();
    expect(screen.getByText("Try one of these")).toBeTruthy();
  });

  it("brings the conversation back after a reload", async () => {
    await ask(await open(), "q1");
    cleanup();
    await open();
    expect(screen.getByText("Answer 1")).toBeTruthy();
  });

  it("asks for the key of a server that has one, and uses it", async () => {
    page = () => new Response("{}", { status: 401 });
    render(<App />);
    const key = await screen.findByLabelText("API key");
    page = () => Response.json(PAGE);
    fireEvent.change(key, { target: { value: "secret" } });
    fireEvent.click(screen.getByRole("button", { name: "Use this key" }));
    expect(await screen.findByText(PAGE.model)).toBeTruthy();
    expect(sessionStorage.getItem("hanlin.key")).toBe("secret");
  });

  it("says when there is no server, and notices when there is one", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      page = () => {
        throw new TypeError("Failed to fetch");
      };
      render(<App />);
      await act(() => vi.advanceTimersByTimeAsync(10));
      expect(screen.getByText(/No server answers at/)).toBeTruthy();
      page = () => Response.json(PAGE);
      await act(() => vi.advanceTimersByTimeAsync(3500));
      expect(screen.queryByText(/No server answers at/)).toBeNull();
      expect(screen.getByText(PAGE.model)).toBeTruthy();
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes the theme that it is told to, and keeps it", async () => {
    await open();
    fireEvent.click(screen.getByRole("button", { name: "Light or dark: as the system" }));
    expect(document.documentElement.dataset.theme).toBe("light");
    fireEvent.click(screen.getByRole("button", { name: "Light or dark: light" }));
    expect([document.documentElement.dataset.theme, localStorage.getItem("hanlin.theme")]).toEqual(["dark", "dark"]);
  });
});
