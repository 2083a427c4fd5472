// Runs before all stories: logs in by the link, once, because a link works once;
// the stories share the session that comes of it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { launch, PATIENCE } from "./browser";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
    login: string;
    storageState: string;
    /** The address bar right after the login. */
    landed: string;
  }
}

export async function setup(project: TestProject): Promise<() => void> {
  const login = process.env.HOSTLER_LOGIN;
  if (!login) throw new Error("HOSTLER_LOGIN is not set: give a link of `hostlerd admin-link`");
  const url = process.env.HOSTLER_URL ?? new URL(login).origin;
  const folder = mkdtempSync(join(tmpdir(), "hostler-e2e-"));
  const storageState = join(folder, "session.json");
  const browser = await launch();
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(2 * PATIENCE);
    const page = await context.newPage();
    await page.goto(login);
    await page.getByRole("heading", { name: "Virtual machines" }).waitFor();
    project.provide("landed", page.url());
    await context.storageState({ path: storageState });
  } finally {
    await browser.close();
  }
  project.provide("url", url.replace(/\/$/, ""));
  project.provide("login", login);
  project.provide("storageState", storageState);
  return () => rmSync(folder, { recursive: true, force: true });
}
