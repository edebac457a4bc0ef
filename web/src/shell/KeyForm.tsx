/** Asks for the key of a server that was started with one. */
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { PushButton } from "../chat/surface";
import type { Server } from "../settings/useServer";

export function KeyForm({ server }: { server: Server }) {
  const { t } = useTranslation();
  const [key, setKey] = useState("");
  if (server.status !== "locked") return null;
  return (
    <form
      className="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        server.unlock(key.trim());
      }}
    >
      <h2>{t("key.title")}</h2>
      <p>{t("key.why")}</p>
      <label>
        {t("key.label")}
        <input
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
      </label>
      {server.key && <p role="alert">{t("key.wrong")}</p>}
      <PushButton primary type="submit" disabled={!key.trim()}>
        {t("key.save")}
      </PushButton>
    </form>
  );
}
