/** The page: a bar, the conversation, the composer. */
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { Page } from "./api/page";
import { Announcer } from "./chat/Announcer";
import { Composer, type ComposerHandle, isComposing } from "./chat/Composer";
import type { Conversation } from "./chat/conversation";
import { MemoryChoice } from "./chat/MemoryChoice";
import { QuickStrip } from "./chat/surface";
import { Thread } from "./chat/Thread";
import { useChat } from "./chat/useChat";
import type { Language } from "./i18n";
import { useHistoryTurns } from "./settings/historyTurns";
import { useServer } from "./settings/useServer";
import { Banner } from "./shell/Banner";
import { Header } from "./shell/Header";
import { KeyForm } from "./shell/KeyForm";
import { Welcome } from "./shell/Welcome";

/** How many suggestions stand above the composer once the conversation has begun. */
const OFFERED = 4;

export function App() {
  const { t } = useTranslation();
  const server = useServer();
  const { page, status } = server;
  const [historyTurns, setHistoryTurns] = useHistoryTurns(page?.history_turns ?? 0);
  const { conversation, actions } = useChat(server, historyTurns);
  const busy = useSyncExternalStore(conversation.subscribe, conversation.busy);
  const last = useSyncExternalStore(conversation.subscribe, () => conversation.turns().at(-1)?.question);
  const composer = useRef<ComposerHandle>(null);

  const focus = useCallback(() => {
    // On a phone the focus would bring up the keyboard, over the answer.
    if (matchMedia("(pointer: fine)").matches) composer.current?.focus();
  }, []);
  const ask = useCallback(
    (question: string) => {
      actions.ask(question);
      focus();
    },
    [actions, focus],
  );
  const stop = useCallback(() => {
    actions.stop();
    focus();
  }, [actions, focus]);
  const edit = useCallback((question: string) => composer.current?.write(question), []);
  useEffect(focus, [focus]);
  useEscape(busy, stop);

  const clear = () => {
    actions.clear();
    focus();
  };
  return (
    <>
      <a className="skip" href="#question">
        {t("skip")}
      </a>
      <Header server={server} onNewChat={last === undefined ? undefined : clear} />
      <main>
        <Banner server={server} />
        <KeyForm server={server} />
        <Thread
          conversation={conversation}
          actions={actions}
          historyTurns={historyTurns}
          onEdit={edit}
          welcome={status !== "locked" && <Welcome page={page} onPick={ask} />}
        />
        <div className="dock">
          {page && last !== undefined && !busy && <Offers conversation={conversation} page={page} onPick={ask} />}
          <Composer ref={composer} busy={busy} ready={page !== undefined} last={last} onSend={ask} onStop={stop}>
            {page && <MemoryChoice value={historyTurns} server={page.history_turns} onChange={setHistoryTurns} />}
          </Composer>
          <p className="small-print">
            <span id="composer-keys" className="keys">
              {t("composer.keys")}
            </span>
            <span>{t("composer.caution")}</span>
          </p>
        </div>
      </main>
      <Announcer conversation={conversation} />
    </>
  );
}

/** Esc ends the answer that is coming in, wherever the focus is, but not while it ends an input method's word. */
function useEscape(busy: boolean, stop: () => void): void {
  useEffect(() => {
    if (!busy) return;
    const onKeyDown = (event: KeyboardEvent) => event.key === "Escape" && !isComposing(event) && stop();
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [busy, stop]);
}

/** The next few suggestions that were not asked yet. */
function Offers({
  conversation,
  page,
  onPick,
}: {
  conversation: Conversation;
  page: Page;
  onPick: (q: string) => void;
}) {
  const { t, i18n } = useTranslation();
  const turns = useSyncExternalStore(conversation.subscribe, conversation.turns);
  const texts = useMemo(() => {
    const asked = new Set(turns.map((turn) => turn.question));
    return page.suggestions
      .filter((suggestion) => !asked.has(suggestion.zh) && !asked.has(suggestion.en))
      .map((suggestion) => suggestion[i18n.language as Language])
      .slice(0, OFFERED);
  }, [turns, page, i18n.language]);
  return <QuickStrip texts={texts} label={t("suggestions")} onPick={onPick} />;
}
