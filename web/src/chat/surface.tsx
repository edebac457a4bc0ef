/**
 * All that the page takes from @chatui/core, and the only file that knows it.
 *
 * What it lacks (streaming, a composer that can stop, regeneration) is ours and stands beside; what it does wrong is
 * repaired while the page is built, in plugins/chatui.ts. Its stylesheet sits in a cascade layer below ours.
 */
import "@chatui/core/dist/index.css";
import { Bubble, Button, Message, QuickReplies } from "@chatui/core";
import { type ButtonHTMLAttributes, type ComponentProps, type ReactNode, useCallback, useMemo } from "react";
import { langOf } from "../i18n/script";

interface RowProps {
  id: string;
  side: "left" | "right";
  children: ReactNode;
}

/** One message's row in the thread: questions on the right, answers on the left. */
export function Row({ id, side, children }: RowProps) {
  const content = useCallback(() => children, [children]);
  return <Message _id={id} type="text" position={side} hasTime={false} renderMessageContent={content} />;
}

/** The tinted ground of a question. */
export function QuestionBubble({ text }: { text: string }) {
  return (
    <Bubble>
      <p dir="auto" lang={langOf(text)}>
        {text}
      </p>
    </Bubble>
  );
}

interface QuickStripProps {
  texts: readonly string[];
  label: string;
  onPick: (text: string) => void;
}

/** A row of short offers above the composer; nothing where there are none. */
export function QuickStrip({ texts, label, onPick }: QuickStripProps) {
  const items = useMemo(() => texts.map((name) => ({ name })), [texts]);
  if (items.length === 0) return null;
  return (
    <nav className="strip" aria-label={label}>
      <QuickReplies items={items} onClick={(item) => onPick(item.name)} />
    </nav>
  );
}

type PushButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "color"> & { primary?: boolean };

/** A button. */
export function PushButton({ primary = false, ...rest }: PushButtonProps) {
  const props = { ...rest, ...(primary && { color: "primary" }) } as ComponentProps<typeof Button>;
  return <Button {...props} />;
}
