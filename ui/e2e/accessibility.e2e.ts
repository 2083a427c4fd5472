// Nobody is kept out: axe finds nothing serious on any page in either theme, and
// the frame works by keyboard.
import axe from "axe-core";
import { describe, expect, test } from "vitest";
import { type Story, stories } from "./browser";
import { vmsIn, vmWithConsole } from "./fleet";

const PAGES = [
  "/vms",
  "/vms/new",
  "/hosts",
  "/storage",
  "/networks",
  "/images",
  "/operations?ops=true",
  "/events",
  "/providers",
];

for (const theme of ["light", "dark"] as const) {
  describe(theme, () => {
    const story = stories({ theme });

    test.each(PAGES)("%s has no serious fault", async (path) => {
      await story.open(path);
      await settled(story);
      expect(await faults(story)).toEqual([]);
    });

    test("a VM's tabs have no serious fault", async () => {
      const [vm] = await vmsIn(story, "running");
      for (const tab of ["overview", "disks", "network", "config", "events", "operations"]) {
        await story.open(`/vms/${vm?.id}?tab=${tab}`);
        await settled(story);
        expect(await faults(story), tab).toEqual([]);
      }
    }, 120_000);

    test("the serial console has no serious fault", async () => {
      const vm = await vmWithConsole(story, "serial");
      story.expectStatus(409);
      await story.open(`/vms/${vm.id}?tab=console&console=serial`);
      await story.page.locator(".terminal .xterm-screen").waitFor();
      expect(await faults(story)).toEqual([]);
    });

    test("the delete dialog has no serious fault and keeps the focus", async () => {
      const [vm] = await vmsIn(story, "stopped");
      await story.open(`/vms/${vm?.id}`);
      await story.page.getByRole("button", { name: "More" }).click();
      await story.page.getByRole("menuitem", { name: "Delete", exact: true }).click();
      await story.page.getByRole("dialog").waitFor();
      await settled(story);
      expect(await faults(story)).toEqual([]);
      for (let i = 0; i < 12; i += 1) {
        await story.page.keyboard.press("Tab");
        const inside = await story.page.evaluate(
          () => document.activeElement?.closest("[role=dialog]") !== null,
        );
        expect(inside).toBe(true);
      }
      await story.page.keyboard.press("Escape");
      await story.page.getByRole("dialog").waitFor({ state: "detached" });
    });
  });
}

describe("keyboard", () => {
  const story = stories();

  test("the first Tab offers to skip to the content", async () => {
    await story.open("/vms");
    await settled(story);
    await story.page.keyboard.press("Tab");
    const link = story.page.getByRole("link", { name: "Skip to content" });
    expect(await link.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  test("a new page gets the focus", async () => {
    await story.open("/vms");
    await settled(story);
    await story.page.getByRole("link", { name: "Hosts", exact: true }).click();
    await story.page.getByRole("heading", { name: "Hosts" }).waitFor();
    expect(await story.page.evaluate(() => document.activeElement?.id)).toBe("main");
  });
});

describe("a narrow window", () => {
  const story = stories({ viewport: { width: 320, height: 700 } });

  test("at 320 pixels the page itself does not scroll sideways", async () => {
    for (const path of ["/vms", "/vms/new", "/operations"]) {
      await story.open(path);
      await settled(story);
      const excess = await story.page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(excess, path).toBe(0);
    }
  });
});

/** The page has its title and no skeleton or spinner any more. */
async function settled(story: Story): Promise<void> {
  await story.page.getByRole("heading", { level: 1 }).first().waitFor();
  await story.page
    .locator(".pf-v6-c-skeleton, .pf-v6-c-spinner")
    .first()
    .waitFor({ state: "hidden" });
  // Colours fade in; a half-faded text has no honest contrast.
  await story.page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
  );
}

async function faults(story: Story): Promise<string[]> {
  await story.page.evaluate(axe.source);
  const result = await story.page.evaluate(() =>
    (window as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ["violations"],
    }),
  );
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
