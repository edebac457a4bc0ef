/** Tells a screen reader that the model is reading, and what it answered once it is done: not each word as it comes. */
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { Conversation } from "./conversation";
import { shownAnswer } from "./turns";

export function Announcer({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const busy = useSyncExternalStore(conversation.subscribe, conversation.busy);
  const was = useRef(busy);
  const [words, setWords] = useState("");
  useEffect(() => {
    const turn = conversation.turns().at(-1);
    if (busy) setWords(t("turn.waiting"));
    else if (was.current && turn) setWords(t("turn.done", { text: shownAnswer(turn).text }));
    was.current = busy;
  }, [busy, conversation, t]);
  return (
    <p className="unseen" role="status">
      {words}
    </p>
  );
}
