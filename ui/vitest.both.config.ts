// Runs the story of a host and a cluster behind one server, against such a server; see
// `xtask/src/both.rs`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    globalSetup: ["e2e/login.ts"],
    include: ["e2e/both.story.ts"],
    fileParallelism: false,
    expect: { poll: { timeout: 30_000, interval: 100 } },
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
