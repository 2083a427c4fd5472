// What opens over a page: menus and dialogs, and how to get each.
import type { Page } from "playwright-core";
import type { Story } from "./browser";
import { newVm, waitingVms } from "./fleet";
import { alertPath, button, pathOfOne } from "./places";

export interface Opened {
  name: string;
  path: string | ((story: Story) => Promise<string>);
  open: (page: Page) => Promise<void>;
}

/** What opens over a page. */
export const OPENED: Opened[] = [
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
    name: "the deployment of a template",
    path: (story) => pathOfOne(story, "templates"),
    open: (page) => button(page, "Deploy").click(),
  },
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
    name: "the change of a VM, with its plan",
    path: async (story) => `/vms/${(await newVm(story, true)).id}`,
    open: async (page) => {
      await page.getByRole("button", { name: "Edit", exact: true }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Memory").fill("512M");
      await button(page, "Show what it does").click();
      await dialog.getByRole("table", { name: "What would change" }).waitFor();
    },
  },
  {
    name: "the sending of a VM to another host",
    path: async (story) => `/vms/${(await newVm(story, true)).id}`,
    open: async (page) => {
      await button(page, "More").click();
      await page.getByRole("menuitem", { name: "Migrate" }).click();
      await page.getByRole("radio", { name: "Let the provider choose" }).waitFor();
    },
  },
  {
    name: "the taking of a snapshot",
    path: async (story) => `/vms/${(await newVm(story, true)).id}?tab=snapshots`,
    open: (page) => button(page, "Take snapshot").click(),
  },
  {
    name: "the going back to a snapshot",
    path: async (story) => {
      const { id } = await newVm(story, false);
      await story.change("POST", `/api/v1/vms/${id}/snapshots`, { name: "one" });
      return `/vms/${id}?tab=snapshots`;
    },
    open: (page) => button(page, "Go back to one").click(),
  },
  {
    name: "a new volume",
    path: (story) => pathOfOne(story, "pools"),
    open: (page) => button(page, "Create volume").click(),
  },
];
