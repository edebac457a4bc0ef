/** Three kinds of tests: parts of the page in happy-dom, the whole page in Chromium, openai for Node. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { chatui } from "./plugins/chatui.ts";

const whole = { environment: "node", testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false } as const;

export default defineConfig({
  plugins: [chatui(), react()],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.{ts,tsx}"],
          environment: "happy-dom",
          server: { deps: { inline: ["@chatui/core"] } },
        },
      },
      // A browser on a busy machine now and then misses a frame; what is really broken fails three times.
      { extends: true, test: { ...whole, name: "browser", include: ["tests/browser/**/*.test.ts"], retry: 2 } },
      { extends: true, test: { ...whole, name: "clients", include: ["tests/clients/**/*.test.ts"] } },
    ],
  },
});
