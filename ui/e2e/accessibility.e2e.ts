// Nobody is kept out: axe finds nothing serious on any page in either theme, and
// the frame works by keyboard.
import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Page as ListPage } from "../src/api/types";
import { type Story, stories } from "./browser";
import { fullPool, newVm, vmsIn, waitingVms } from "./fleet";

const PAGES = [
  "/vms",
  "/vms/new",
  "/adoption",
  "/adoption?show=ignored",
  "/adoption?show=all",
  "/hosts",
  "/charts",
  "/charts?tab=agents",
  "/charts?tab=outputs",
  "/alerts",
  "/alerts?tab=history",
  "/alerts?tab=silences",
  "/alerts?tab=rules",
  "/alerts?tab=receivers",
  "/runbooks/HostlerVmEmulated",
  "/storage",
  "/networks",
  "/images",
  "/operations?ops=true",
  "/events",
  "/clusters",
  "/providers",
];

interface Opened {
  name: string;
  path: string | ((story: Story) => Promise<string>);
  open: (page: Page) => Promise<void>;
}

/** What opens over a page. */
const OPENED: Opened[] = [
  { name: "the palette", path: "/vms", open: (page) => page.keyboard.press("Control+k") },
  { name: "the list of keys", path: "/hosts", open: (page) => page.keyboard.press("?") },
  { name: "the choice of columns", path: "/vms", open: (page) => button(page, "Columns").click() },
  {
    name: "a row's menu",
    path: "/vms",
    open: (page) => page.locator("[data-row] .kebab").first().click(),
  },
  {
    name: "an action on many",
    path: "/vms",
    open: async (page) => {
      for (const row of [0, 1]) {
        await page.locator("[data-row]").nth(row).getByRole("checkbox").check();
      }
      await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
    },
  },
  { name: "an upload", path: "/images", open: (page) => button(page, "Upload image").click() },
  {
    name: "a new provider",
    path: "/providers",
    open: (page) => button(page, "Add provider").click(),
  },
  {
    name: "a new cluster",
    path: "/clusters",
    open: (page) => button(page, "Add cluster").click(),
  },
  {
    name: "the declaring of hardware",
    path: (story) => pathOfOne(story, "clusters"),
    open: (page) => button(page, "Declare hardware").click(),
  },
  {
    name: "a new silence",
    path: "/alerts?tab=silences",
    open: (page) => button(page, "Silence alerts").click(),
  },
  {
    name: "a rule",
    path: "/alerts?tab=rules&search=crashed",
    open: (page) => button(page, "HostlerVmCrashed").click(),
  },
  {
    name: "the silence of an alert",
    path: alertPath,
    open: (page) => button(page, "Silence").click(),
  },
  {
    name: "the editing of a VM",
    path: async (story) => `/vms/${(await newVm(story, false)).id}`,
    open: (page) => button(page, "Edit description and labels").click(),
  },
  {
    name: "the adoption of a VM",
    path: "/adoption",
    open: async (page) => {
      await page.locator("[data-row] .kebab").first().click();
      await page.getByRole("menuitem", { name: "Adopt …" }).click();
      await page.getByRole("dialog").getByText("nothing is written down").waitFor();
    },
  },
  {
    name: "the leaving alone of a VM",
    path: "/adoption",
    open: async (page) => {
      await page.locator("[data-row] .kebab").first().click();
      await page.getByRole("menuitem", { name: "Leave alone …" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "a decision about many",
    path: "/adoption",
    open: async (page) => {
      for (const row of [0, 1]) {
        await page.locator("[data-row]").nth(row).getByRole("checkbox").check();
      }
      await page.getByRole("toolbar").getByRole("button", { name: "Adopt", exact: true }).click();
    },
  },
  {
    name: "the release of a VM",
    path: async (story) => {
      const [waiting] = await waitingVms(story, 1);
      const id = waiting?.vm.id;
      await story.change("POST", `/api/v1/admin/pending-adoptions/${id}/adopt`, {});
      return `/vms/${id}`;
    },
    open: async (page) => {
      await button(page, "More").click();
      await page.getByRole("menuitem", { name: "Release" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "a new volume",
    path: (story) => pathOfOne(story, "pools"),
    open: (page) => button(page, "Create volume").click(),
  },
];

/** The page of an alert: rules are evaluated once a minute. */
async function alertPath(story: Story): Promise<string> {
  let id: string | undefined;
  await expect
    .poll(
      async () => {
        // Those of VMs come and go with the fleet's life.
        const filter = encodeURIComponent("name=HostlerPoolAlmostFull");
        const path = `/api/v1/alerts?filter=${filter}`;
        id = (await story.api<ListPage<{ id: string }>>(path)).items[0]?.id;
        return id !== undefined;
      },
      { timeout: 180_000, interval: 1_000 },
    )
    .toBe(true);
  return `/alerts/${id}`;
}

/** The page of one of them. */
async function pathOfOne(story: Story, name: string): Promise<string> {
  // Pools differ in what their pages show; this one's have most of it.
  if (name === "pools") return `/storage/${(await fullPool(story)).id}`;
  const list = await story.api<ListPage<{ id: string }>>(`/api/v1/${name}?limit=1`);
  return `/${name}/${list.items[0]?.id}`;
}

function button(page: Page, name: string) {
  return page.getByRole("button", { name, exact: true });
}

for (const theme of ["light", "dark"] as const) {
  describe(theme, () => {
    const story = stories({ theme });

    test.each(PAGES)("%s has no serious fault", async (path) => {
      await story.open(path);
      await settled(story);
      expect(await faults(story)).toEqual([]);
    });

    test("what is pushed has no serious fault", async () => {
      await story.change("POST", "/api/v1/metrics/custom", {
        samples: [{ name: "story_room_celsius", value: 21.5, labels: { room: "north" } }],
      });
      await story.open("/charts?tab=custom");
      await story.page.locator('[data-row="story_room_celsius"]').waitFor();
      await settled(story);
      expect(await faults(story)).toEqual([]);
    });

    test("a VM's tabs have no serious fault", async () => {
      const [vm] = await vmsIn(story, "running");
      for (const tab of [
        "overview",
        "metrics",
        "outlook",
        "disks",
        "network",
        "config",
        "events",
        "operations",
      ]) {
        await story.open(`/vms/${vm?.id}?tab=${tab}`);
        await settled(story);
        expect(await faults(story), tab).toEqual([]);
      }
    });

    test("a VM that is only observed, and one that was adopted, have no serious fault", async () => {
      const [waiting] = await waitingVms(story, 1);
      const id = waiting?.vm.id;
      await story.open(`/vms/${id}`);
      await settled(story);
      await story.page.getByText("Hostler only observes this VM").waitFor();
      expect(await faults(story), "observed").toEqual([]);
      const request = { read_only: true, reason: "a story" };
      await story.change("POST", `/api/v1/admin/pending-adoptions/${id}/adopt`, request);
      await story.page.locator(".vm-head .tag", { hasText: "read only" }).waitFor();
      await still(story);
      expect(await faults(story), "adopted").toEqual([]);
    });

    test("the serial console has no serious fault", async () => {
      const vm = await newVm(story, true);
      await story.open(`/vms/${vm.id}?tab=console&console=serial`);
      await story.page.locator(".terminal .xterm-screen").waitFor();
      expect(await faults(story)).toEqual([]);
    });

    test.each(["hosts", "clusters", "pools", "networks", "operations"])(
      "a page of one of the %s has no serious fault",
      async (name) => {
        await story.open(await pathOfOne(story, name));
        await settled(story);
        expect(await faults(story)).toEqual([]);
      },
    );

    test("what a cluster can has no serious fault", async () => {
      await story.open(`${await pathOfOne(story, "clusters")}?tab=features&features=Sidecar,GPU`);
      await settled(story);
      await story.page.getByText("It lacks something of that").waitFor();
      await still(story);
      expect(await faults(story)).toEqual([]);
    });

    test.each(["hosts", "pools"])(
      "the outlook of one of the %s has no serious fault",
      async (name) => {
        await story.open(`${await pathOfOne(story, name)}?tab=outlook`);
        await settled(story);
        await story.page.getByRole("heading", { name: "In use, and where it tends" }).waitFor();
        expect(await faults(story)).toEqual([]);
      },
    );

    test("a page of one of the alerts has no serious fault", async () => {
      await story.open(await alertPath(story));
      await settled(story);
      await story.page.getByRole("heading", { name: "Rule", exact: true }).waitFor();
      await still(story);
      expect(await faults(story)).toEqual([]);
    });

    test("the screen and a console in a window of its own have no serious fault", async () => {
      const vm = await newVm(story, true);
      for (const path of [`/vms/${vm.id}?tab=console&console=vnc`, `/vms/${vm.id}/console/vnc`]) {
        await story.open(path);
        await story.page.locator(".screen[data-phase=open] canvas").waitFor();
        expect(await faults(story), path).toEqual([]);
      }
    });

    test.each(OPENED)("$name has no serious fault", async ({ path, open }) => {
      await story.open(typeof path === "string" ? path : await path(story));
      await settled(story);
      await open(story.page);
      const { page } = story;
      await page.getByRole("dialog").or(page.getByRole("menu")).first().waitFor();
      await still(story);
      expect(await faults(story)).toEqual([]);
    });

    test("what is said to who is not logged in, and to a wrong address", async () => {
      story.expectStatus(401);
      await story.open("/nowhere");
      await settled(story);
      expect(await faults(story)).toEqual([]);
      await story.context.clearCookies();
      await story.open("/vms");
      await story.page.getByRole("heading", { name: "Log in to Hostler" }).waitFor();
      await settled(story);
      expect(await faults(story)).toEqual([]);
    });

    test("the delete dialog has no serious fault and keeps the focus", async () => {
      const vm = await newVm(story, false);
      await story.open(`/vms/${vm.id}`);
      await story.page.getByRole("button", { name: "More" }).click();
      await story.page.getByRole("menuitem", { name: "Delete", exact: true }).click();
      await story.page.getByRole("dialog").waitFor();
      await still(story);
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
    await expect
      .poll(() => link.evaluate((element) => element === document.activeElement))
      .toBe(true);
  });

  test("a new page gets the focus", async () => {
    await story.open("/vms");
    await settled(story);
    await story.page.getByRole("link", { name: "Hosts", exact: true }).click();
    await story.page.getByRole("heading", { name: "Hosts" }).waitFor();
    await expect.poll(() => story.page.evaluate(() => document.activeElement?.id)).toBe("main");
  });
});

describe("a narrow window", () => {
  const story = stories({ viewport: { width: 320, height: 700 } });

  test("at 320 pixels the page itself does not scroll sideways", async () => {
    const alert = await alertPath(story);
    for (const path of ["/vms", "/vms/new", "/adoption", "/operations", "/alerts", alert]) {
      await story.open(path);
      await settled(story);
      const excess = () =>
        story.page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
      await expect.poll(excess, { message: path }).toBe(0);
    }
  });
});

/** The page has its title, and all that comes at first. */
async function settled(story: Story): Promise<void> {
  await story.page.getByRole("heading", { level: 1 }).first().waitFor();
  await still(story);
}

/** There is no skeleton or spinner any more, and nothing fades in: that has no honest contrast. */
async function still(story: Story): Promise<void> {
  await story.page
    .locator(".pf-v6-c-skeleton, .pf-v6-c-spinner")
    .first()
    .waitFor({ state: "hidden" });
  await story.page.evaluate(async () => {
    // What turns for ever never ends.
    const ending = () =>
      document.getAnimations().filter(({ effect, playState }) => {
        const end = Number(effect?.getComputedTiming().endTime ?? 0);
        return playState === "running" && Number.isFinite(end);
      });
    for (let left = ending(); left.length > 0; left = ending()) {
      await Promise.all(left.map(({ finished }) => finished.catch(() => {})));
    }
  });
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
