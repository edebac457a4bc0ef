/** The system's Chromium, driven by playwright-core, which brings no browser of its own. */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const PLACES = [
  ...(process.env.PATH ?? "").split(":").flatMap((folder) => NAMES.map((name) => `${folder}/${name}`)),
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Where the system's Chromium is; HANLIN_CHROMIUM names another one. undefined where there is none. */
export function chromiumPath() {
  const named = process.env.HANLIN_CHROMIUM;
  return named || PLACES.find((place) => existsSync(place));
}

/** Starts it. Throws where there is none. */
export function launch() {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error("no Chromium found; install it, or name it in HANLIN_CHROMIUM");
  // Root (a container) has no user namespace to put the sandbox into.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
