// Makes the pictures of the README from a running server, so that they show what
// the program looks like today. `docs/images/*.png`
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
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

describe("light", () => {
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

describe("dark", () => {
  const story = stories({ viewport: VIEW, theme: "dark" });

  test("the table of VMs in the dark", async () => {
    await story.open("/vms");
    await story.page.locator("[data-row]").first().waitFor();
    await shoot(story, "vms-dark");
  });
});
