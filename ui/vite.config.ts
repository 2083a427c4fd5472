// How the UI is built and unit-tested. Everything is a file of our own origin:
// the server's content policy allows no inline script and no `data:` script.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server to develop against; `cargo xtask demo` listens there.
const backend = process.env.HOSTLER_URL ?? "https://localhost:7443";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Assets become files, never `data:` URLs, so that `default-src 'self'` covers them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: {
      "/api": { target: backend, secure: false, ws: true, changeOrigin: true },
      "/problems": { target: backend, secure: false },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
  },
});
