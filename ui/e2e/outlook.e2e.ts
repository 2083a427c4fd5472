// What will be of things, as far as the simulated fleet's short history says: little, and
// why not more.
import { expect, test } from "vitest";
import type { Page as ListPage, Outlook } from "../src/api/types";
import { stories } from "./browser";
import { fullPool, vmsIn } from "./fleet";

const story = stories({ viewport: { width: 1280, height: 900 } });

/** Measuring goes by seconds; what waits for it waits for several passes. */
const MEASURING = { timeout: 120_000, interval: 1_000 };

/** What is in use is known as soon as something was measured of the last quarter of an hour. */
async function measured(path: string): Promise<Outlook> {
  let outlook: Outlook | undefined;
  await expect
    .poll(async () => {
      outlook = await story.api<Outlook>(path);
      return outlook.resources.some(({ recent }) => typeof recent === "number");
    }, MEASURING)
    .toBe(true);
  return outlook as Outlook;
}

test("d22: a VM's outlook says what is in use, and what each answer waits for", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  const path = `/api/v1/vms/${vm?.id}/outlook`;
  const outlook = await measured(path);
  await story.open(`/vms/${vm?.id}`);
  await page.getByRole("tab", { name: "Outlook" }).click();
  await page.waitForURL(/tab=outlook/);
  const resources = page.getByRole("table", { name: "Resources" });
  await resources.getByRole("cell", { name: "Processors" }).waitFor();
  expect(await resources.getByRole("row").count()).toBe(1 + outlook.resources.length);
  // The demo has run for minutes, and a trend of a week needs a day and more.
  const trend = outlook.resources
    .flatMap(({ missing }) => missing)
    .find(({ of, why }) => of === "trend" && why === "not_enough_data");
  const lacking = page.getByRole("table", { name: "Not known, and why" });
  await lacking.getByText(`of at least ${trend?.need} values are there`).first().waitFor();
  await page.getByText("There is not enough history yet to say what will be.").waitFor();
  // Too little history is no error.
  expect(await page.locator(".pf-v6-c-alert").count()).toBe(0);
  await page.getByText("The queries that these values are from").click();
  const query = outlook.resources[0]?.query ?? "";
  await page.getByText(query, { exact: true }).waitFor();
  const excess = await page.evaluate(() =>
    [...document.querySelectorAll(".outlook .plain-table")].map(
      (table) => table.scrollWidth - table.clientWidth,
    ),
  );
  expect(Math.max(...excess)).toBe(0);
});

test("how far a host's outlook looks ahead stands in the URL, and is chosen by keyboard", async () => {
  const { page } = story;
  const { items } = await story.api<ListPage<{ id: string }>>("/api/v1/hosts?limit=1");
  await story.open(`/hosts/${items[0]?.id}?tab=outlook&horizon=30d`);
  await page.getByRole("columnheader", { name: "In 30 d" }).waitFor();
  await page.getByRole("button", { name: "30 days" }).focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(/horizon=90d/);
  await page.getByRole("columnheader", { name: "In 90 d" }).waitFor();
  await page.reload();
  const chosen = page.getByRole("button", { name: "90 days" });
  await expect.poll(() => chosen.getAttribute("aria-pressed")).toBe("true");
});

test("d22: a pool that is full is told to be full, however short its history is", async () => {
  const { page } = story;
  const pool = await fullPool(story);
  await measured(`/api/v1/pools/${pool.id}/outlook`);
  await story.open(`/storage/${pool.id}`);
  await page.getByRole("tab", { name: "Outlook" }).click();
  const resources = page.getByRole("table", { name: "Resources" });
  await resources.getByText("full now").waitFor();
  await resources.getByText("100 %").waitFor();
});

test("x17: what the server refuses to tell stands in its place", async () => {
  const { page } = story;
  story.expectStatus(403);
  const [vm] = await vmsIn(story, "running");
  const problem = { code: "permission_denied", title: "you may not do this", status: 403 };
  await page.route("**/outlook?**", (route) =>
    route.fulfill({ status: 403, contentType: "application/problem+json", json: problem }),
  );
  await story.open(`/vms/${vm?.id}?tab=outlook`);
  await page.locator('[data-code="permission_denied"]').waitFor();
  await page.getByRole("button", { name: "Compute anew" }).waitFor();
});
