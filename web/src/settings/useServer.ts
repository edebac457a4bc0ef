/** The server behind the page: what it tells about itself, looked for again until it answers. */
import { useCallback, useEffect, useState } from "react";
import { type Absence, NoPage, type Page, readPage } from "../api/page";

const KEY = "hanlin.key";
/** How long until the page looks again for a server that does not answer or is still loading, in milliseconds. */
const AGAIN = 3000;

/** What is known of the server. `page` stays from the last time that it answered. */
export interface Server {
  status: "ready" | "connecting" | Absence;
  page: Page | undefined;
  key: string;
  /** Looks for the server now. */
  look: () => void;
  /** Uses a key from now on, in this tab only. */
  unlock: (key: string) => void;
}

function storedKey(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function storeKey(key: string): void {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // Storage forbidden: the key holds until the page is reloaded.
  }
}

/** The server, watched. */
export function useServer(): Server {
  const [key, setKey] = useState(storedKey);
  const [page, setPage] = useState<Page>();
  const [status, setStatus] = useState<Server["status"]>("connecting");
  const [round, setRound] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is how `look` asks for another look
  useEffect(() => {
    const gone = new AbortController();
    readPage(key, gone.signal).then(
      (found) => {
        setPage(found);
        setStatus("ready");
      },
      (error: unknown) => !gone.signal.aborted && setStatus(error instanceof NoPage ? error.absence : "strange"),
    );
    return () => gone.abort();
  }, [key, round]);

  const look = useCallback(() => setRound((old) => old + 1), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each look that fails must lead to the next one
  useEffect(() => {
    if (status !== "offline" && status !== "starting") return;
    const timer = setTimeout(look, AGAIN);
    return () => clearTimeout(timer);
  }, [status, round, look]);

  const unlock = useCallback((value: string) => {
    storeKey(value);
    setKey(value);
    setRound((old) => old + 1);
  }, []);
  return { status, page, key, look, unlock };
}
