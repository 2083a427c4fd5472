// Makes the pictures in docs/images from a running server, so that they show what
// the program looks like today (`cargo xtask screenshots`).
//
//   HOSTLER_REAL  the name of a real VM, the sample guest: its picture alone is made
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Page as ListPage, VmSummary } from "../src/api/types";
import { type Story, stories } from "./browser";
import { vmWithConsole } from "./fleet";

const FOLDER = join(import.meta.dirname, "../../docs/images");
const VIEW = { width: 1440, height: 810 };
mkdirSync(FOLDER, { recursive: true });

async function shoot(story: Story, name: string): Promise<void> {
  await story.page.locator(".pf-v6-c-skeleton").first().waitFor({ state: "hidden" });
  await story.page.getByText("live", { exact: true }).last().waitFor();
  await story.page.screenshot({ path: join(FOLDER, `${name}.png`), animations: "disabled" });
}

const REAL = process.env.HOSTLER_REAL;

describe.runIf(REAL)("a real guest", () => {
  // Tall enough for the greeting and what is typed after it.
  const story = stories({ viewport: { ...VIEW, height: 960 } });

  test("the serial console, which says hello", async () => {
    const filter = encodeURIComponent(`name=${REAL}`);
    const found = await story.api<ListPage<VmSummary>>(`/api/v1/vms?filter=${filter}`);
    const [vm] = found.items;
    expect(vm?.simulated).toBe(false);
    await story.open(`/vms/${vm?.id}?tab=console&console=serial`);
    await story.page.locator(".terminal[data-phase=open]").waitFor();
    const screen = story.page.locator(".xterm-rows");
    await story.page.locator(".xterm-helper-textarea").focus();
    // The greeting has gone by: end the guest's session, the next one greets.
    await story.page.keyboard.press("Control+d");
    await screen.getByText("hello from hostler").last().waitFor({ timeout: 60_000 });
    for (const command of ["uname -a", "free -m", "ip address show eth0"]) {
      const prompts = await countOf(screen, "# ");
      await story.page.keyboard.type(`${command}\n`);
      await expect.poll(() => countOf(screen, "# "), { timeout: 30_000 }).toBeGreaterThan(prompts);
    }
    expect(await countOf(screen, "hello from hostler")).toBeGreaterThan(0);
    await shoot(story, "real");
  });
});

/** How often a text stands on the terminal's screen. */
async function countOf(screen: Locator, text: string): Promise<number> {
  return (await screen.innerText()).replaceAll("\u00a0", " ").split(text).length - 1;
}

describe.skipIf(REAL)("light", () => {
  const story = stories({ viewport: VIEW });

  test("the table of VMs", async () => {
    await story.open("/vms");
    await story.page.locator("[data-row]").first().waitFor();
    await shoot(story, "vms");
  });

  test("a VM's overview with its operations", async () => {
    const vm = await vmWithConsole(story, "serial");
    await story.open(`/vms/${vm.id}?ops=true`);
    await story.page.getByRole("heading", { name: vm.name, level: 1 }).waitFor();
    await shoot(story, "vm");
  });

  test("the serial console", async () => {
    const vm = await vmWithConsole(story, "serial");
    await story.open(`/vms/${vm.id}?tab=console&console=serial`);
    await story.page.locator(".terminal[data-phase=open]").waitFor();
    await story.page.locator(".xterm-helper-textarea").focus();
    await story.page.keyboard.press("Enter");
    await story.page.locator(".xterm-rows", { hasText: /\S/ }).waitFor();
    await shoot(story, "console");
  });
});

describe.skipIf(REAL)("dark", () => {
  const story = stories({ viewport: VIEW, theme: "dark" });

  test("the table of VMs in the dark", async () => {
    await story.open("/vms");
    await story.page.locator("[data-row]").first().waitFor();
    await shoot(story, "vms-dark");
  });
});
