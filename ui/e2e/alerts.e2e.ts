// Alerts of the simulated fleet: one of its pools is always full, and now and then a VM
// crashes.
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { Alert, AlertEntry, Page as ListPage, Silence } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

/** Rules are evaluated once a minute, over what was measured before. */
const EVALUATING = { timeout: 180_000, interval: 1_000 };

async function alertsThat(filter: string): Promise<Alert[]> {
  const page = await story.api<ListPage<Alert>>(
    `/api/v1/alerts?filter=${encodeURIComponent(filter)}`,
  );
  return page.items;
}

/** The alert of the pool that is full: pending at first, and there for as long as the fleet is. */
async function lasting(): Promise<Alert> {
  let found: Alert | undefined;
  await expect
    .poll(async () => {
      [found] = await alertsThat("name=HostlerPoolAlmostFull");
      return found !== undefined;
    }, EVALUATING)
    .toBe(true);
  return found as Alert;
}

test("d20: alerts are listed, narrowed by the URL, and lead to their page", async () => {
  const { page } = story;
  const alert = await lasting();
  await story.open("/alerts");
  const row = page.locator(`[data-id="${alert.id}"]`);
  await row.getByText(alert.summary).waitFor();
  await row.getByText("critical").waitFor();
  await page.getByRole("button", { name: "Severity: all" }).click();
  await page.getByRole("option", { name: "info" }).click();
  await page.waitForURL(/severity=info/);
  await row.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Clear filters" }).first().click();
  await page.getByRole("textbox", { name: "Search alerts" }).fill("pool fast");
  await page.waitForURL(/search=pool/);
  await row.getByRole("link", { name: alert.name }).click();
  await page.getByRole("heading", { name: alert.name, level: 1 }).waitFor();
  await page.getByText(alert.description ?? "").waitFor();
  await page.getByText("pool=fast").waitFor();
  // In the demo nobody is told.
  await page.getByText("nobody: no receiver is routed").waitFor();
  await page.getByRole("region", { name: "Expression" }).getByText("capacity_bytes").waitFor();
  await page.getByRole("link", { name: "what to do about HostlerPoolAlmostFull" }).click();
  await page.waitForURL(/\/runbooks\/HostlerPoolAlmostFull$/);
  await page.getByRole("heading", { name: "What to do" }).waitFor();
  await page.getByRole("region", { name: "Commands" }).getByText("hostler pool show").waitFor();
});

test("g a goes to alerts, and the navigation says how many fire", async () => {
  const { page } = story;
  await story.open("/vms");
  await page.locator("[data-row]").first().waitFor();
  await Promise.all([page.keyboard.press("g"), page.keyboard.press("a")]);
  await page.getByRole("heading", { name: "Alerts", level: 1 }).waitFor();
  // Some VM is always at fault; which and how many, the fleet's life decides.
  await expect.poll(() => page.locator(".firing").count(), EVALUATING).toBe(1);
  expect(await page.locator(".firing").innerText()).toMatch(/^\d+/);
});

test("d20: a silence says what it is of before it is made, holds, and ends", async () => {
  const { page } = story;
  const alert = await lasting();
  await story.open(`/alerts/${alert.id}`);
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: `Silence ${alert.name}` });
  const preview = dialog.getByLabel("What it silences now");
  await preview.getByText("1 alert").waitFor();
  await preview.getByText("HostlerPoolAlmostFull pool fast").waitFor();
  // Without its name and its pool it is of all critical alerts of the host.
  for (const label of ['alertname="HostlerPoolAlmostFull"', 'pool="fast"']) {
    await dialog.getByRole("checkbox", { name: label }).uncheck();
  }
  await preview.getByText(/alerts? of now/).waitFor();
  for (const label of ['alertname="HostlerPoolAlmostFull"', 'pool="fast"']) {
    await dialog.getByRole("checkbox", { name: label }).check();
  }
  const confirm = dialog.getByRole("button", { name: "Silence" });
  expect(await confirm.isDisabled(), "a reason is needed").toBe(true);
  const why = `e2e-${randomBytes(4).toString("hex")}`;
  await dialog.getByLabel("Why").fill(why);
  await confirm.click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("by a silence").waitFor();
  const made = await story.api<ListPage<Silence>>(`/api/v1/silences?search=${why}`);
  expect(made.items.map(({ state, silences }) => [state, silences])).toEqual([["active", 1]]);

  await page.getByRole("link", { name: "by a silence" }).click();
  await page.waitForURL(/tab=silences/);
  const row = page.locator(`[data-id="${made.items[0]?.id}"]`);
  await row.getByText(why).waitFor();
  await row.getByRole("button", { name: /^End the silence of/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End" }).click();
  // The list is of those that are active.
  await row.waitFor({ state: "detached" });
  const [after] = await alertsThat(`name=${alert.name}`);
  expect(after?.silenced_by).toEqual([]);
});

test("a silence of one's own matchers: what the server refuses is told where it was asked", async () => {
  const { page } = story;
  story.expectStatus(400);
  await lasting();
  await story.open("/alerts?tab=silences");
  await page.getByRole("button", { name: "Silence alerts" }).click();
  const dialog = page.getByRole("dialog", { name: "Silence alerts" });
  const preview = dialog.getByLabel("What it silences now");
  const field = dialog.getByLabel("Alerts with");
  await field.fill('pool=~"fa.*"');
  await preview.getByText("HostlerPoolAlmostFull pool fast").first().waitFor();
  await field.fill("pool=nowhere");
  await preview.getByText("No alert of now fits").waitFor();
  await field.fill("pool=~(");
  await preview.getByText("the server will").waitFor();
  await dialog.getByLabel("Why").fill("a test");
  await dialog.getByRole("button", { name: "Silence" }).click();
  await dialog.getByText("/matchers/0").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

test("d20: who acknowledges stands in the alert's past, whatever becomes of it", async () => {
  const { page } = story;
  // An alert of a VM may be over at any moment.
  story.expectStatus(404);
  let alert: Alert | undefined;
  await expect
    .poll(async () => {
      const open = await alertsThat("state=firing AND acknowledged=false");
      alert = open.find(({ name }) => name === "HostlerPoolAlmostFull") ?? open.at(-1);
      return alert !== undefined;
    }, EVALUATING)
    .toBe(true);
  await story.open(`/alerts/${alert?.id}`);
  await page.getByRole("button", { name: "Acknowledge" }).click();
  const dialog = page.getByRole("dialog", { name: `Acknowledge ${alert?.name}` });
  const comment = `e2e-${randomBytes(4).toString("hex")}`;
  await dialog.getByLabel("Comment").fill(comment);
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await dialog.waitFor({ state: "detached" });
  const past = page.getByRole("table", { name: "What happened" });
  await past.getByText("acknowledged", { exact: true }).first().waitFor();
  await past.getByText(comment).waitFor();
  const filter = encodeURIComponent(`alert=${alert?.id} AND change=acknowledged`);
  const told = await story.api<ListPage<AlertEntry>>(`/api/v1/alerts/history?filter=${filter}`);
  expect(told.items[0]?.comment).toBe(comment);
  await story.open("/alerts?tab=history");
  await page.getByRole("button", { name: "What: all" }).click();
  await page.getByRole("option", { name: "acknowledged", exact: true }).click();
  await page.waitForURL(/change=acknowledged/);
  await page.getByText(comment).waitFor();
});

test("rules say how evaluating them goes, and one is shown whole", async () => {
  const { page } = story;
  await story.open("/alerts?tab=rules");
  await page.getByRole("textbox", { name: "Search rules" }).fill("twohosts");
  await page.getByRole("button", { name: "HostlerVmOnTwoHosts" }).click();
  const dialog = page.getByRole("dialog", { name: "HostlerVmOnTwoHosts" });
  await dialog.getByRole("region", { name: "Expression" }).getByText("count by (vm_id)").waitFor();
  await dialog.getByText("severity=critical").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Health: all" }).click();
  await page.getByRole("option", { name: "failed" }).click();
  await page.getByText("No rules match").waitFor();
});

test("x17: where nobody is told, and where there is no such alert, it is said", async () => {
  const { page } = story;
  story.expectStatus(404);
  await story.open("/alerts?tab=receivers");
  await page.getByText("Nobody is told of alerts; they are only shown here.").waitFor();
  await story.open("/alerts/00000000000000000000000000000000");
  await page.locator('[data-code="alert_not_found"]').waitFor();
});

test("in a window of 1280 pixels every column of alerts and rules is in view", async () => {
  const { page } = story;
  await lasting();
  await page.setViewportSize({ width: 1280, height: 900 });
  for (const [tab, last] of [
    ["alerts", "Since"],
    ["history", "Who, how long"],
    ["rules", "Took"],
  ] as const) {
    await story.open(`/alerts?tab=${tab}`);
    await page.getByRole("columnheader", { name: last }).waitFor();
    const excess = () =>
      page.locator(".data-table").evaluate((table) => table.scrollWidth - table.clientWidth);
    await expect.poll(excess, { message: tab }).toBe(0);
  }
});
