// Storage pools and what lies in them.
import { expect, test } from "vitest";
import type { Page as ListPage, Pool } from "../src/api/types";
import { stories } from "./browser";

const story = stories({ viewport: { width: 1280, height: 900 } });

test("in a window of 1280 pixels every column of volumes is in view, and each button whole", async () => {
  const { page } = story;
  const filter = encodeURIComponent("name=default");
  const { items } = await story.api<ListPage<Pool>>(`/api/v1/pools?filter=${filter}`);
  // Each host has one of that name, in no certain order; disks of VMs lie in all of them.
  await story.open(`/storage/${items[0]?.id}`);
  const table = page.getByRole("table", { name: "Volumes" });
  const buttons = table.getByRole("button", { name: /^Delete / });
  await buttons.first().waitFor();
  const excess = () =>
    page.locator(".data-table").evaluate((box) => box.scrollWidth - box.clientWidth);
  await expect.poll(excess).toBe(0);
  // A row paints nothing beyond its edge, and what is cut by it scrolls nowhere.
  const beyond = () =>
    buttons.evaluateAll((all) =>
      all.map((button) => {
        const edge = button.closest("[data-row]")?.getBoundingClientRect().right ?? 0;
        return button.getBoundingClientRect().right - edge;
      }),
    );
  await expect.poll(async () => Math.max(...(await beyond()))).toBeLessThanOrEqual(0);
});
