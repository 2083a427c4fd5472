// How metrics are collected: who measures, where it goes, and what users push.
import { expect, test } from "vitest";
import type { CustomSeries, Page as ListPage } from "../src/api/types";
import { stories } from "./browser";
import { vmsIn } from "./fleet";

const story = stories();

function row(name: string) {
  return story.page.locator(`[data-row="${name}"]`);
}

test("what is pushed is listed with its value, its labels, its VM and who pushed it", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  await story.change("POST", "/api/v1/metrics/custom", {
    samples: [
      { name: "story_backup_age_seconds", value: 3600.25, vm: vm?.id, labels: { job: "nightly" } },
      { name: "story_jobs_total", value: 17 },
    ],
  });
  const said = await story.api<ListPage<CustomSeries>>("/api/v1/metrics/custom?search=story_");
  const by = said.items[0]?.pushed_by ?? "";
  expect(by).not.toBe("");

  await story.open("/charts");
  await page.getByRole("tab", { name: "Custom metrics" }).click();
  await page.waitForURL(/tab=custom/);
  await page.getByRole("searchbox").or(page.getByLabel("Search series")).first().fill("story_b");
  await page.waitForURL(/search=story_b/);
  const backup = row("story_backup_age_seconds");
  await expect.poll(() => row("story_jobs_total").count()).toBe(0);
  const cells = await backup.getByRole("cell").allInnerTexts();
  expect(cells.slice(1, 5)).toEqual(["job=nightly", vm?.name, "gauge", "3600.25"]);
  expect(cells[5]).toMatch(/^\d+ s$/);
  expect(cells[6]).toBe(by);
  // Of a simulated VM, so it is simulated.
  await backup.getByRole("img", { name: "simulated" }).waitFor();
  // Nothing that is told as present is among what is too old for that.
  await page.goto(`${page.url()}&quality=stale`);
  await page.getByText("No series match").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).first().click();
  await page.waitForURL((url) => !url.search.includes("quality"));
  await backup.getByRole("link", { name: vm?.name }).click();
  await page.getByRole("heading", { name: vm?.name, level: 1 }).waitFor();
  await page.waitForURL(/tab=metrics/);
});

test("where no agent or output is configured, it is said how to configure one", async () => {
  const { page } = story;
  for (const [tab, path, snippet] of [
    ["Agents", "/api/v1/agents", "[[agents]]"],
    ["Outputs", "/api/v1/outputs", "[[history.outputs]]"],
  ] as const) {
    // As a demo is without a configuration.
    expect((await story.api<ListPage<unknown>>(path)).items).toEqual([]);
    await story.open("/charts");
    await page.getByRole("tab", { name: tab }).press("Enter");
    await page.waitForURL(`**/charts?tab=${tab.toLowerCase()}`);
    await page.getByRole("heading", { name: tab, exact: true, level: 1 }).waitFor();
    await page.getByText(snippet).waitFor();
    await page.getByRole("button", { name: "Copy" }).waitFor();
  }
});

test("the palette leads to the parts of the page", async () => {
  const { page } = story;
  await story.open("/vms");
  await page.getByRole("heading", { name: "Virtual machines" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("custom met");
  await page.getByRole("option", { name: "Custom metrics" }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(/charts\?tab=custom/);
  await page.getByRole("heading", { name: "Custom metrics", level: 1 }).waitFor();
});
