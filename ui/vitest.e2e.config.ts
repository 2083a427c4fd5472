// Runs the browser stories against a server that is already up; see e2e/browser.ts.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    globalSetup: ["e2e/login.ts"],
    include: ["e2e/**/*.e2e.ts"],
    // One browser at a time, in order: the stories share one server.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
