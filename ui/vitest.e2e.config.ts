// Runs the browser stories against a server that is already up; see e2e/browser.ts.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    globalSetup: ["e2e/login.ts"],
    include: ["e2e/**/*.e2e.ts"],
    // One browser at a time, in order: the stories share one server.
    fileParallelism: false,
    // A busy machine is no fault of the page: what is waited for comes, or never does.
    expect: { poll: { timeout: 30_000, interval: 100 } },
    // More than a story's own waits together, so that the one that failed is named.
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
