/** What stands there before the first question: suggestions to try, and what the model has learned, with numbers. */
import { useTranslation } from "react-i18next";
import type { Page, Skill } from "../api/page";
import { PushButton } from "../chat/surface";
import type { Language } from "../i18n";
import { Icon } from "./icons";

interface WelcomeProps {
  page: Page | undefined;
  onPick: (question: string) => void;
}

export function Welcome({ page, onPick }: WelcomeProps) {
  const { t, i18n } = useTranslation();
  const language = i18n.language as Language;
  return (
    <div className="welcome">
      <h2>{t("welcome.greeting")}</h2>
      {page && <p className="lead">{t("welcome.lead", { model: page.model })}</p>}
      {page && page.suggestions.length > 0 && (
        <section>
          <h3>{t("welcome.try")}</h3>
          <ul className="cards">
            {page.suggestions.map((suggestion) => (
              <li key={suggestion.en}>
                <PushButton className="card" onClick={() => onPick(suggestion[language])}>
                  <span>{suggestion[language]}</span>
                  <Icon name="arrow" />
                </PushButton>
              </li>
            ))}
          </ul>
        </section>
      )}
      {page && page.skills.length > 0 && <Skills skills={page.skills} language={language} />}
    </div>
  );
}

function Skills({ skills, language }: { skills: readonly Skill[]; language: Language }) {
  const { t } = useTranslation();
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const bestFirst = [...skills].sort((a, b) => (b.accuracy ?? -1) - (a.accuracy ?? -1));
  return (
    <section>
      <h3>{t("welcome.skills")}</h3>
      <dl className="skills">
        {bestFirst.map((skill) => (
          <div key={skill.name}>
            <dt>{skill[language]}</dt>
            {skill.accuracy === null ? (
              <dd className="unmeasured">{t("welcome.unmeasured")}</dd>
            ) : (
              <dd>{percent.format(skill.accuracy)}</dd>
            )}
          </div>
        ))}
      </dl>
      <p className="note">{t("welcome.skillsNote")}</p>
    </section>
  );
}
