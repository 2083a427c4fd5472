// How the UI is built and unit-tested. Everything is a file of our own origin:
// the server's content policy allows no inline script and no `data:` script.
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// The server to develop against; `cargo xtask demo` listens there.
const backend = process.env.HOSTLER_URL ?? "https://localhost:7443";

/**
 * PatternFly says `X > * + *` twice. For a browser that means that any element
 * put beside any other may change the look of all that follow: every row put
 * into a table restyles the whole table. `X > :not(:first-child)` is the same set
 * of elements, found without that. `scripts/budget.mjs` fails when one is left.
 */
const narrowSiblings: Plugin = {
  name: "narrow-siblings",
  enforce: "pre",
  transform(code, id) {
    if (!/@patternfly\/.*\.css$/.test(id)) return undefined;
    return { code: code.replace(/> \* \+ \*/g, "> :not(:first-child)"), map: null };
  },
};

export default defineConfig({
  plugins: [narrowSiblings, react()],
  build: {
    target: "es2022",
    // Assets become files, never `data:` URLs, so that `default-src 'self'` covers them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 1200,
  },
  server: {
    // The runbooks are in the documentation.
    fs: { allow: [".", "../docs"] },
    proxy: {
      "/api": { target: backend, secure: false, ws: true, changeOrigin: true },
      "/problems": { target: backend, secure: false },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    // No test waits for time itself; a busy machine may take long over a component.
    testTimeout: 60_000,
  },
});
