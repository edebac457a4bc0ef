/** The bar above everything: whose page it is, which model answers, a new chat, language, light and dark. */
import { useTranslation } from "react-i18next";
import { PushButton } from "../chat/surface";
import { chooseLanguage } from "../i18n";
import { useTheme } from "../settings/theme";
import type { Server } from "../settings/useServer";
import { Icon } from "./icons";
import seal from "./seal.svg";
import { Tool } from "./Tool";

interface HeaderProps {
  server: Server;
  /** Begins a new chat; absent while there is nothing to leave behind. */
  onNewChat: (() => void) | undefined;
}

export function Header({ server, onNewChat }: HeaderProps) {
  const { t, i18n } = useTranslation();
  const [theme, nextTheme] = useTheme();
  const other = i18n.language === "zh" ? "en" : "zh";
  return (
    <header className="header">
      <h1 className="brand">
        <img src={seal} alt="" width="30" height="30" />
        <span>{t("title")}</span>
      </h1>
      <p className={`model ${server.status}`} title={`${t("model")}: ${t(`status.${server.status}`)}`}>
        <i className="dot" aria-hidden="true" />
        <span className="model-name">{server.page?.model ?? t(`status.${server.status}`)}</span>
        <span className="unseen">{t(`status.${server.status}`)}</span>
      </p>
      <nav className="header-tools">
        <PushButton
          className="new-chat"
          aria-label={t("newChat")}
          title={t("newChat")}
          onClick={onNewChat}
          disabled={!onNewChat}
        >
          <Icon name="plus" />
          <span>{t("newChat")}</span>
        </PushButton>
        <PushButton
          className="language"
          lang={other === "zh" ? "zh-CN" : "en"}
          aria-label={t("languageLabel")}
          title={t("languageLabel")}
          onClick={() => chooseLanguage(other)}
        >
          {t("language")}
        </PushButton>
        <Tool icon={theme} label={t(`theme.${theme}`)} onClick={nextTheme} />
      </nav>
    </header>
  );
}
