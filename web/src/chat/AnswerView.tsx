/** One answer: its words, how it ended, and what can be done with it. */
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { langOf } from "../i18n/script";
import { Markdown } from "../markdown/Markdown";
import { CopyButton } from "../shell/CopyButton";
import { Tool } from "../shell/Tool";
import { FailureNote } from "./FailureNote";
import type { Answer, Turn } from "./turns";
import { shownAnswer } from "./turns";
import type { Actions } from "./useChat";

interface AnswerViewProps {
  turn: Turn;
  /** Whether it is the last turn: only that one can be answered again. */
  last: boolean;
  /** Whether earlier turns went with the question. */
  hasHistory: boolean;
  busy: boolean;
  actions: Actions;
}

export function AnswerView({ turn, last, hasHistory, busy, actions }: AnswerViewProps) {
  const { t } = useTranslation();
  const [plain, setPlain] = useState(false);
  const answer = shownAnswer(turn);
  const streaming = answer.state === "streaming";
  return (
    <article className={`answer ${answer.state}`} aria-label={t("turn.model")} aria-busy={streaming}>
      {streaming && !answer.text && <Waiting label={t("turn.waiting")} />}
      <Words text={answer.text} plain={plain} />
      <Ending answer={answer} />
      {answer.failure && (
        <FailureNote
          failure={answer.failure}
          hasText={answer.text !== ""}
          hasHistory={hasHistory}
          onRetry={last && !busy ? (alone) => actions.again(turn.id, alone) : undefined}
        />
      )}
      {!streaming && (
        <footer className="answer-tools">
          {answer.text && <CopyButton text={() => answer.text} />}
          {last && !answer.failure && (
            <Tool icon="again" label={t("turn.regenerate")} onClick={() => actions.again(turn.id)} disabled={busy} />
          )}
          {answer.text && (
            <Tool
              icon={plain ? "rendered" : "plain"}
              label={t(plain ? "turn.rendered" : "turn.plain")}
              onClick={() => setPlain(!plain)}
            />
          )}
          <Versions turn={turn} actions={actions} />
          <Numbers answer={answer} />
        </footer>
      )}
    </article>
  );
}

/** The words of an answer: with formatting, or as the model wrote them. */
function Words({ text, plain }: { text: string; plain: boolean }) {
  if (!text) return null;
  if (!plain) return <Markdown text={text} />;
  return (
    <pre className="verbatim" dir="auto" lang={langOf(text)}>
      {text}
    </pre>
  );
}

/** Three dots until the first word comes. */
function Waiting({ label }: { label: string }) {
  return (
    <p className="waiting" role="img" aria-label={label}>
      <i />
      <i />
      <i />
    </p>
  );
}

/** Why an answer ends where it does, unless that goes without saying. */
function Ending({ answer }: { answer: Answer }) {
  const { t } = useTranslation();
  const { state, text } = answer;
  if (state === "complete") return text ? null : <p className="ending">{t("turn.empty")}</p>;
  if (state === "stopped" || state === "length" || state === "filtered") {
    return <p className="ending">{t(`turn.${state}`)}</p>;
  }
  return null;
}

/** "‹ 2/3 ›" where a question was answered more than once. */
function Versions({ turn, actions }: { turn: Turn; actions: Actions }) {
  const { t } = useTranslation();
  const { id, shown, answers } = turn;
  if (answers.length < 2) return null;
  const words = { index: shown + 1, count: answers.length };
  return (
    <span className="versions">
      <Tool icon="previous" label={t("turn.previous")} onClick={() => actions.show(id, shown - 1)} disabled={!shown} />
      <span role="status" aria-label={t("turn.version", words)}>{`${words.index}/${words.count}`}</span>
      <Tool
        icon="next"
        label={t("turn.next")}
        onClick={() => actions.show(id, shown + 1)}
        disabled={shown + 1 === answers.length}
      />
    </span>
  );
}

/** How many tokens the answer has and how long it took, where the server told. */
function Numbers({ answer: { tokens, seconds } }: { answer: Answer }) {
  const { t, i18n } = useTranslation();
  if (tokens === undefined || seconds === undefined) return null;
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  return (
    <small className="numbers">
      {t("turn.tokens", { count: tokens })} · {t("turn.seconds", { seconds: number.format(seconds) })}
    </small>
  );
}
