/** A small button that is only a sign; its words are for screen readers and for the pointer that rests on it. */
import { PushButton } from "../chat/surface";
import { Icon, type IconName } from "./icons";

interface ToolProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  disabled?: boolean;
}

export function Tool({ icon, label, onClick, disabled = false }: ToolProps) {
  return (
    <PushButton className="tool" aria-label={label} title={label} onClick={onClick} disabled={disabled}>
      <Icon name={icon} />
    </PushButton>
  );
}
