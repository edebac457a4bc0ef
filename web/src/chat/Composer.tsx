/** Where a question is written, sent, and its answer stopped. */
import { type KeyboardEvent, type Ref, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../shell/icons";
import { PushButton } from "./surface";

/** What others may do to the composer. */
export interface ComposerHandle {
  /** Puts a text in, to be changed and sent. */
  write: (text: string) => void;
  focus: () => void;
}

interface ComposerProps {
  ref: Ref<ComposerHandle>;
  busy: boolean;
  /** Whether there is a server to send to. */
  ready: boolean;
  /** The last question, which the arrow up brings back. */
  last: string | undefined;
  onSend: (text: string) => void;
  onStop: () => void;
  children: React.ReactNode;
}

/** Whether a key belongs to an input method: its Enter takes a word over, it does not send. 229 is what Safari says. */
export function isComposing(event: KeyboardEvent | globalThis.KeyboardEvent): boolean {
  const native = "nativeEvent" in event ? event.nativeEvent : event;
  return native.isComposing || native.keyCode === 229;
}

/** The text to send: blank lines before it and space after it mean nothing; what stands before its first word may. */
function trimmed(text: string): string {
  return text.replace(/^(\s*\n)+/, "").trimEnd();
}

export function Composer({ ref, busy, ready, last, onSend, onStop, children }: ComposerProps) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(ref, () => ({
    write: (value) => {
      setText(value);
      field.current?.focus();
    },
    focus: () => field.current?.focus(),
  }));
  useGrowing(field, text);

  const question = trimmed(text);
  const canSend = ready && !busy && question.trim() !== "";
  const send = () => {
    if (!canSend) return;
    onSend(question);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
    if (event.key === "ArrowUp" && text === "" && last !== undefined) {
      event.preventDefault();
      setText(last);
    }
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        id="question"
        aria-label={t("composer.label")}
        aria-describedby="composer-keys"
        placeholder={t("composer.placeholder")}
        rows={1}
        dir="auto"
        enterKeyHint="send"
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="composer-row">
        {children}
        <PushButton
          primary
          className="send"
          type={busy ? "button" : "submit"}
          aria-label={t(busy ? "composer.stop" : "composer.send")}
          title={t(busy ? "composer.stop" : "composer.send")}
          disabled={!busy && !canSend}
          {...(busy && { onClick: onStop })}
        >
          <Icon name={busy ? "stop" : "send"} />
        </PushButton>
      </div>
    </form>
  );
}

/** Lets the field grow with its text, where the stylesheet cannot. */
function useGrowing(field: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const element = field.current;
    if (!element || globalThis.CSS?.supports?.("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}
