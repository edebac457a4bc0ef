/** Every sentence of the page, in Chinese and English: two files with the same keys. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { stored } from "../settings/stored";
import en from "./en.json";
import zh from "./zh.json";

/** The languages of the page. */
export type Language = "zh" | "en";

const choice = stored<Language>("hanlin.language", ["zh", "en"]);

/** The chosen language, else the browser's: Chinese if it names any Chinese before English. */
export function preferredLanguage(languages: readonly string[] = navigator.languages): Language {
  const known = languages.map((name) => name.slice(0, 2).toLowerCase()).find((name) => name === "zh" || name === "en");
  return choice.read() ?? (known === "zh" ? "zh" : "en");
}

/** Changes the language of the page, and keeps the choice. */
export function chooseLanguage(language: Language): void {
  choice.write(language);
  void i18next.changeLanguage(language);
}

/** Tells the browser (fonts, hyphenation, screen readers) which language the page is in. */
function announce(language: string): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = i18next.t("title");
}

/** Sets the sentences up; before anything is shown. */
export function startLanguages(): void {
  i18next.on("languageChanged", announce);
  void i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, zh: { translation: zh } },
    lng: preferredLanguage(),
    fallbackLng: false,
    initAsync: false,
    interpolation: { escapeValue: false },
  });
}
