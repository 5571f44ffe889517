// How the pages are built: two of them, every asset a file of its own, nothing inlined, so that a
// content security policy without `unsafe-inline` holds.

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type ProxyOptions } from "vite";

/** Where `npm run dev` finds a running nexusd. */
const server = "http://127.0.0.1:3001";

/** To nexusd under its own name: it answers no page of another origin. */
const toServer: ProxyOptions = {
  target: server,
  changeOrigin: true,
  ws: true,
  headers: { origin: server },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: { input: { index: "index.html", terminal: "terminal.html" } },
  },
  server: { proxy: { "/api": toServer, "/health": toServer, "/machines": toServer } },
});
