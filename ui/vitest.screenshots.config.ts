// Makes the pictures in docs/images from a running server; see e2e/screenshot.ts.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    globalSetup: ["e2e/login.ts"],
    include: ["e2e/screenshot.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
