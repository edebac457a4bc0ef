/** The conversation from its first question to its last answer. */
import { Fragment, memo, useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../shell/icons";
import { Tool } from "../shell/Tool";
import { AnswerView } from "./AnswerView";
import type { Conversation } from "./conversation";
import { PushButton, QuestionBubble, Row } from "./surface";
import { remembered, type Turn } from "./turns";
import type { Actions } from "./useChat";

/** How near to its end, in pixels, a thread counts as being read at its end. */
const NEAR = 64;

interface ThreadProps {
  conversation: Conversation;
  actions: Actions;
  historyTurns: number;
  onEdit: (question: string) => void;
  /** What stands here before the first question. */
  welcome: React.ReactNode;
}

export function Thread({ conversation, actions, historyTurns, onEdit, welcome }: ThreadProps) {
  const { t } = useTranslation();
  const turns = useSyncExternalStore(conversation.subscribe, conversation.turns);
  const busy = useSyncExternalStore(conversation.subscribe, conversation.busy);
  const { scroller, list, onScroll, atEnd, toEnd } = useSticky(turns.length);
  const first = firstRemembered(turns, historyTurns, busy);
  return (
    <div className="thread-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className="thread" ref={scroller} onScroll={onScroll} role="log" aria-live="off" tabIndex={0}>
        <div className="thread-list" ref={list}>
          {turns.length === 0 && welcome}
          {turns.map((turn, index) => (
            <Fragment key={turn.id}>
              {turn.id === first && index > 0 && <p className="memory-from">{t("memory.from")}</p>}
              <TurnView
                turn={turn}
                last={index === turns.length - 1}
                hasHistory={historyTurns > 0 && remembered(turns.slice(0, index), historyTurns).length > 0}
                busy={busy}
                actions={actions}
                onEdit={onEdit}
              />
            </Fragment>
          ))}
        </div>
      </div>
      {!atEnd && turns.length > 0 && (
        <PushButton className="to-end" aria-label={t("turn.latest")} title={t("turn.latest")} onClick={toEnd}>
          <Icon name="down" />
        </PushButton>
      )}
    </div>
  );
}

/** The first turn that goes with the next question, or with the one that is being answered. */
function firstRemembered(turns: readonly Turn[], historyTurns: number, busy: boolean): string | undefined {
  const before = busy ? turns.slice(0, -1) : turns;
  return remembered(before, historyTurns)[0]?.id;
}

interface TurnViewProps {
  turn: Turn;
  last: boolean;
  hasHistory: boolean;
  busy: boolean;
  actions: Actions;
  onEdit: (question: string) => void;
}

const TurnView = memo(function TurnView({ turn, onEdit, ...rest }: TurnViewProps) {
  const { t } = useTranslation();
  return (
    <section className="turn">
      <Row id={`${turn.id}-question`} side="right">
        <span className="unseen">{t("turn.you")}</span>
        <div className="question">
          <Tool icon="edit" label={t("turn.edit")} onClick={() => onEdit(turn.question)} />
          <QuestionBubble text={turn.question} />
        </div>
      </Row>
      <Row id={`${turn.id}-answer`} side="left">
        <AnswerView turn={turn} {...rest} />
      </Row>
    </section>
  );
});

/** Keeps the end in view while text comes in, unless the reader has scrolled up to read; a new turn shows its end. */
function useSticky(count: number) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const top = useRef(0);
  const [atEnd, setAtEnd] = useState(true);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    sticks.current = true;
    element.scrollTop = element.scrollHeight;
    top.current = element.scrollTop;
    setAtEnd(true);
  }, []);
  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    // Text may have come in since the event was sent: only a reader who went up has left the end.
    if (scrollHeight - scrollTop - clientHeight < NEAR) sticks.current = true;
    else if (scrollTop < top.current) sticks.current = false;
    top.current = scrollTop;
    setAtEnd(sticks.current);
  }, []);
  useLayoutEffect(() => {
    if (count > 0) toEnd();
    else scroller.current?.scrollTo(0, 0);
  }, [count, toEnd]);
  useEffect(() => {
    const watch = new ResizeObserver(() => sticks.current && count > 0 && toEnd());
    if (list.current) watch.observe(list.current);
    if (scroller.current) watch.observe(scroller.current);
    return () => watch.disconnect();
  }, [count, toEnd]);
  return { scroller, list, onScroll, atEnd, toEnd };
}
