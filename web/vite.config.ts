/** How the page is built into the Python package, and served while someone works on it. */
import react from "@vitejs/plugin-react";
import { defineConfig, type ProxyOptions } from "vite";
import { chatui } from "./plugins/chatui.ts";
import { manifest } from "./plugins/manifest.ts";

/** A live Hanlin server, for `scripts/web dev`. */
const server = process.env.HANLIN_SERVER ?? "http://127.0.0.1:8000";

/** The server refuses foreign origins; the development page is one, so the proxy speaks in the server's own name. */
const proxied: ProxyOptions = {
  target: server,
  changeOrigin: true,
  configure: (proxy) => proxy.on("proxyReq", (request) => request.setHeader("origin", new URL(server).origin)),
};

export default defineConfig({
  base: "./",
  plugins: [chatui(), react(), manifest()],
  build: {
    outDir: process.env.HANLIN_WEB_OUT ?? "../src/hanlin/serve/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  server: { host: "127.0.0.1", port: 5173, proxy: { "/v1": proxied, "/live": proxied, "/ready": proxied } },
});
