/** "Remembers the last 3 turns": how much of the conversation goes with each question, and the way to change it. */
import { useTranslation } from "react-i18next";
import { CHOICES } from "../settings/historyTurns";

interface MemoryChoiceProps {
  value: number;
  server: number;
  onChange: (value: number) => void;
}

export function MemoryChoice({ value, server, onChange }: MemoryChoiceProps) {
  const { t } = useTranslation();
  const choices = [...new Set([...CHOICES, server, value])].sort((a, b) => a - b);
  return (
    <label className="memory" title={t("memory.label")}>
      <span>{t("memory.before")}</span>
      <select aria-label={t("memory.label")} value={value} onChange={(event) => onChange(Number(event.target.value))}>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
      <span>{t("memory.after", { count: value })}</span>
    </label>
  );
}
