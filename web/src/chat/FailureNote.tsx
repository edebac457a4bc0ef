/** What went wrong with an answer, in one clear sentence, with what to do about it. */
import { useTranslation } from "react-i18next";
import type { Failure } from "../api/failure";
import { Icon } from "../shell/icons";
import { PushButton } from "./surface";

interface FailureNoteProps {
  failure: Failure;
  /** Whether some of the answer had arrived. */
  hasText: boolean;
  /** Whether earlier turns went with the question. */
  hasHistory: boolean;
  /** Asks again, `alone` without earlier turns; absent where that makes no sense. */
  onRetry: ((alone: boolean) => void) | undefined;
}

export function FailureNote({ failure, hasText, hasHistory, onRetry }: FailureNoteProps) {
  const { t } = useTranslation();
  const { kind, sentence } = failure;
  const tooLong = kind === "too-long";
  const retry = onRetry && (!tooLong || hasHistory) ? () => onRetry(tooLong) : undefined;
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <div>
        <p className="failure-what">{t(`failure.${kind}`, { address: location.origin })}</p>
        {sentence && (
          <p className="failure-server">
            {t("failure.server")} <q dir="auto">{sentence}</q>
          </p>
        )}
        <p>{t(remedy(kind, hasText, hasHistory), { address: location.origin })}</p>
        {retry && <PushButton onClick={retry}>{t(tooLong ? "failure.retryAlone" : "failure.retry")}</PushButton>}
      </div>
    </div>
  );
}

function remedy(kind: Failure["kind"], hasText: boolean, hasHistory: boolean) {
  if (kind === "cut" && !hasText) return "failure.cutEmptyRemedy";
  if (kind === "too-long" && !hasHistory) return "failure.too-longAloneRemedy";
  return `failure.${kind}Remedy` as const;
}
