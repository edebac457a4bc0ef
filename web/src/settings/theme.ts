/** Light or dark: as the system, unless the user chose. */
import { useState } from "react";
import { stored } from "./stored";

/** `system` follows the system's setting, also when that changes. */
export type Theme = "system" | "light" | "dark";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const choice = stored<Theme>("hanlin.theme", THEMES);

/** Sets the theme of the page; the stylesheet does the rest. */
export function applyTheme(theme: Theme = choice.read() ?? "system"): void {
  document.documentElement.dataset.theme = theme;
}

/** The theme, and what goes on to the next one and keeps it. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => choice.read() ?? "system");
  const next = () => {
    const after = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme;
    choice.write(after);
    applyTheme(after);
    setTheme(after);
  };
  return [theme, next];
}
