/** A button that copies a text, and says so for two seconds. Absent where the browser forbids copying. */
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Tool } from "./Tool";

/** `text` is asked when the button is pressed. */
export function CopyButton({ text }: { text: () => string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  if (!navigator.clipboard) return null; // plain HTTP from another machine
  const copy = () =>
    navigator.clipboard.writeText(text()).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return <Tool icon={copied ? "check" : "copy"} label={t(copied ? "turn.copied" : "turn.copy")} onClick={copy} />;
}
