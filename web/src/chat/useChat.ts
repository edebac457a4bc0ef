/** The conversation as components use it: what is shown, and what can be done. */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { asking } from "../api/client";
import type { Server } from "../settings/useServer";
import { Conversation } from "./conversation";
import { keep, recall } from "./memory";
import { shownAnswer, type Turn } from "./turns";

/** What the page can do to the conversation. The object stays the same for the life of the page. */
export interface Actions {
  ask: (question: string) => void;
  /** Asks a turn's question again; `alone` without the turns before it. */
  again: (id: string, alone?: boolean) => void;
  show: (id: string, index: number) => void;
  stop: () => void;
  clear: () => void;
}

/** The conversation and its actions, for a server and a number of turns to remember. */
export function useChat(server: Server, historyTurns: number): { conversation: Conversation; actions: Actions } {
  const conversation = useMemo(() => new Conversation(recall()), []);
  const now = useRef({ server, historyTurns });
  now.current = { server, historyTurns };
  useKept(conversation);

  const actions = useMemo<Actions>(() => {
    const asker = () => asking(now.current.server.page?.model ?? "", now.current.server.key);
    const lookIfGone = () => {
      if (lostServer(conversation.turns())) now.current.server.look();
    };
    return {
      ask: (question) => void conversation.ask(question, asker(), now.current.historyTurns).then(lookIfGone),
      again: (id, alone) => void conversation.again(id, asker(), alone ? 0 : now.current.historyTurns).then(lookIfGone),
      show: (id, index) => conversation.show(id, index),
      stop: () => conversation.stop(),
      clear: () => conversation.clear(),
    };
  }, [conversation]);
  return { conversation, actions };
}

/** Whether the last answer suggests that the server is gone, or wants another key. */
function lostServer(turns: readonly Turn[]): boolean {
  const last = turns.at(-1);
  const kind = last && shownAnswer(last).failure?.kind;
  return kind === "offline" || kind === "cut" || kind === "key";
}

/** Keeps the turns for a reload: after each answer, and when the page is left. */
function useKept(conversation: Conversation): void {
  const busy = useSyncExternalStore(conversation.subscribe, conversation.busy);
  const empty = useSyncExternalStore(conversation.subscribe, () => conversation.turns().length === 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `busy` and `empty` say when there is something to keep
  useEffect(() => {
    const save = () => keep(conversation.turns());
    save();
    addEventListener("pagehide", save);
    return () => removeEventListener("pagehide", save);
  }, [conversation, busy, empty]);
}
