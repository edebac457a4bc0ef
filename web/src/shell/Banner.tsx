/** One line above the conversation while there is no server to talk to. */
import { useTranslation } from "react-i18next";
import { PushButton } from "../chat/surface";
import type { Server } from "../settings/useServer";
import { Icon } from "./icons";

export function Banner({ server: { status, look } }: { server: Server }) {
  const { t } = useTranslation();
  if (status !== "offline" && status !== "starting" && status !== "strange") return null;
  return (
    <div className={`banner ${status}`} role="status">
      <Icon name="alert" />
      <p>{t(`banner.${status}`, { address: location.origin })}</p>
      <PushButton onClick={look}>{t("banner.retry")}</PushButton>
    </div>
  );
}
