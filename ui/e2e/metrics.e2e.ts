// Charts, drawn from what the server measured of the simulated fleet.
import { expect, test } from "vitest";
import type { Page as ListPage, MetricsAnswer } from "../src/api/types";
import { stories } from "./browser";
import { newVm, vmsIn } from "./fleet";

const story = stories();

/** Measuring goes by seconds; what waits for it waits for several passes. */
const MEASURING = { timeout: 120_000 };

/** A chart that nobody tells of news is read again after a minute. */
const BEFORE_THAT = { timeout: 40_000 };

function chart(title: string) {
  return story.page.getByRole("slider", { name: `${title}: time`, exact: true });
}

/** The cells of the first line of a chart. */
function figures(id: string) {
  return story.page.locator(`[data-chart="${id}"] .legend tbody tr`).first().locator("td");
}

test("a VM's charts show what the history says, drawn and as a table", async () => {
  const { page } = story;
  // One of the fleet may stop before its last value is read.
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=metrics`);
  await chart("Memory").waitFor(MEASURING);
  await expect.poll(() => figures("memory").nth(3).innerText(), MEASURING).toMatch(/[KMG]iB$/);
  const query = encodeURIComponent(`hostler_vm_memory_balloon_bytes{vm_id="${vm.id}"}`);
  const said = await story.api<MetricsAnswer>(`/api/v1/metrics/query?query=${query}`);
  // The demo's guests keep their memory.
  const bytes = said.series[0]?.samples[0]?.[1] ?? Number.NaN;
  expect((await figures("memory").nth(3).innerText()).replace(" MiB", "")).toBe(
    String(Number((bytes / 2 ** 20).toFixed(2))),
  );
  await page.getByRole("button", { name: "Memory as a table" }).click();
  const table = page.getByRole("table", { name: "Memory", exact: true });
  await table.getByRole("columnheader", { name: "given to the guest" }).waitFor();
  expect(await table.getByRole("row").nth(1).innerText()).toMatch(/MiB/);
  // Whatever is on the page, it is said to be made up.
  await page.locator(".passes").getByText("simulated").waitFor();
});

test("d4: the line of a VM that stops ends, and is neither zero nor carried on", async () => {
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=metrics`);
  await expect.poll(() => figures("memory").nth(3).innerText(), MEASURING).toMatch(/MiB$/);
  await story.change("POST", `/api/v1/vms/${vm.id}/stop`, { mode: "force" });
  await expect.poll(() => figures("memory").nth(3).innerText(), MEASURING).toContain("until");
  expect(await figures("memory").nth(0).innerText()).toBe("256 MiB");
});

test("x17: what is not measured has a reason in place of a chart", async () => {
  const { page } = story;
  const vm = await newVm(story, false);
  await story.open(`/vms/${vm.id}?tab=metrics`);
  const processor = page.locator('[data-chart="cpu"]');
  await processor.getByText("No data: the VM is stopped, and was not measured").waitFor();
  const [running] = await vmsIn(story, "running");
  await story.open(`/vms/${running?.id}?tab=metrics`);
  // Read when it comes into view.
  await page.locator('[data-chart="filesystems"]').scrollIntoViewIfNeeded();
  await page
    .locator('[data-chart="filesystems"]')
    .getByText("not measured by this provider: it asks no guest agent")
    .waitFor();
});

test("ranges and zooms stand in the URL, by mouse and by key", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  await story.open(`/vms/${vm?.id}?tab=metrics`);
  await page.getByRole("button", { name: "1h: the last 1 hour" }).click();
  await page.waitForURL(/range=1h/);
  await chart("Memory").waitFor();
  const box = await chart("Memory").locator(".u-over").boundingBox();
  if (!box) throw new Error("the chart has no place");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.7, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, y, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const zoom = new URL(page.url()).searchParams;
  const seconds = (Date.parse(zoom.get("to") ?? "") - Date.parse(zoom.get("from") ?? "")) / 1000;
  // A fifth of an hour, as exactly as a pixel is.
  expect(seconds).toBeGreaterThan(600);
  expect(seconds).toBeLessThan(840);
  await page.getByRole("button", { name: "Reset zoom" }).click();
  await page.waitForURL((url) => !url.search.includes("from=") && url.search.includes("range=1h"));

  await chart("Memory").focus();
  await page.keyboard.press("End");
  expect(await chart("Memory").getAttribute("aria-valuetext")).toMatch(/given to the guest/);
  const last = await chart("Memory").getAttribute("aria-valuenow");
  await page.keyboard.press("ArrowLeft");
  await expect
    .poll(() => chart("Memory").getAttribute("aria-valuenow"))
    .toBe(String(Number(last) - 1));
  // The others follow.
  await page.locator('[data-chart="cpu"] .legend thead .under', { hasText: /\d/ }).waitFor();
  await page.keyboard.press("+");
  await page.waitForURL(/from=/);
  await chart("Memory").focus();
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => !url.search.includes("from="));
});

test("two times of one's own", async () => {
  const { page } = story;
  await story.open("/charts");
  await page.getByRole("button", { name: "Custom …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From").fill("2026-01-01T10:00:00");
  await dialog.getByLabel("To").fill("2026-01-01T09:00:00");
  await dialog.getByText("has to be before").waitFor();
  await dialog.getByLabel("To").fill("2026-01-01T11:00:00");
  await dialog.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/from=2026-01-01/);
  // Nothing was measured then, and no chart pretends that it was.
  await page.getByText("No data: nothing was measured in this time.").first().waitFor();
  await page.getByText("No data: no VM was measured in this time.").first().waitFor();
});

test("a crosshair is shared by all charts", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  await story.open(`/vms/${vm?.id}?tab=metrics`);
  await chart("Processor").waitFor();
  await chart("Memory").waitFor();
  await chart("Processor").hover();
  const under = page.locator('[data-chart="memory"] .legend thead .under');
  await expect.poll(() => under.innerText()).toMatch(/\d\d:\d\d/);
  // And leaves with the pointer.
  await page.getByRole("tab", { name: "Metrics" }).hover();
  await expect.poll(() => under.innerText()).toBe("");
});

test("the fleet's page leads to the VMs that take most, and hides lines", async () => {
  const { page } = story;
  await story.open("/charts");
  const names = page.locator('[data-chart="top-cpu"] .legend tbody a');
  await expect.poll(() => names.count(), MEASURING).toBe(5);
  await page.getByRole("button", { name: "top 10" }).click();
  await page.waitForURL(/top=10/);
  await expect.poll(() => names.count(), MEASURING).toBe(10);
  const line = page.locator('[data-chart="top-cpu"] .legend tbody tr').first();
  await line.getByRole("button").click();
  expect(await line.getByRole("button").getAttribute("aria-pressed")).toBe("false");
  const name = await names.first().innerText();
  await names.first().click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await page.waitForURL(/tab=metrics/);
});

test("a live chart reads on from where it ended", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  const starts: number[] = [];
  page.on("request", (request) => {
    const terms = new URL(request.url()).searchParams;
    if (terms.get("query")?.includes("balloon_bytes") && terms.get("start")) {
      starts.push(Date.parse(terms.get("start") ?? ""));
    }
  });
  await story.open(`/vms/${vm?.id}?tab=metrics&range=1h`);
  await chart("Memory").waitFor();
  await expect.poll(() => starts.length, MEASURING).toBeGreaterThan(1);
  // Of an hour, less than the last two minutes.
  const [first = 0, second = 0] = starts;
  expect(second - first).toBeGreaterThan(58 * 60_000);
  await page.getByRole("switch", { name: "Live: follow the present" }).uncheck({ force: true });
  await page.waitForURL(/live=false/);
});

test("a host's charts show what its VMs take", async () => {
  const hosts = await story.api<ListPage<{ id: string }>>("/api/v1/hosts?limit=1");
  await story.open(`/hosts/${hosts.items[0]?.id}?tab=metrics`);
  await chart("Processors").waitFor();
  await expect.poll(() => figures("cpu").nth(3).innerText(), MEASURING).toMatch(/%$/);
  await story.page.locator('[data-chart="load"]').scrollIntoViewIfNeeded();
  await story.page.locator('[data-chart="load"]').getByText("not measured by this").waitFor();
});

test("d6: figures come by one live stream, and charts go on as they do", async () => {
  const { page } = story;
  // Of the fleet either may stop meanwhile, and then it tells no figures.
  const vm = await newVm(story, true);
  const other = await newVm(story, true);
  const streams: string[] = [];
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (to.pathname === "/api/v1/live") streams.push(to.search);
  });
  await story.open(`/vms/${vm.id}`);
  const now = page.locator('.now[data-live="true"]');
  const cpu = now.locator("dd").first();
  await page.getByRole("tab", { name: "Metrics" }).click();
  await expect.poll(() => cpu.innerText(), MEASURING).toMatch(/%$/);
  expect(streams).toEqual([`?topics=vm:metrics&only=${vm.id}`]);
  // Without anybody asking, the next pass changes what is shown.
  const first = await now.locator("dl").innerText();
  await expect.poll(() => now.locator("dl").innerText(), MEASURING).not.toBe(first);
  expect(streams).toHaveLength(1);
  // Nobody looks at figures: nothing is followed, and of another it is another stream.
  await page.getByRole("tab", { name: "Disks" }).click();
  await now.waitFor({ state: "detached" });
  await story.open(`/vms/${other.id}?tab=metrics`);
  await expect.poll(() => cpu.innerText(), MEASURING).toMatch(/%$/);
  expect(streams.at(-1)).toBe(`?topics=vm:metrics&only=${other.id}`);
});

test("d6: the fleet's charts follow the VMs that they compare, by one stream", async () => {
  const { page } = story;
  const streams: string[] = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname === "/api/v1/live") streams.push(search);
  });
  // Of the chart of all memory, and of no other.
  const ofMemory = "hostler_host_memory_total_bytes";
  let reads = 0;
  page.on("requestfinished", (request) => {
    const { searchParams } = new URL(request.url());
    if (searchParams.get("query")?.includes(ofMemory) && searchParams.has("start")) reads += 1;
  });
  await story.open("/charts");
  await page.locator('[data-live="true"]').waitFor(MEASURING);
  expect(streams.at(-1)).toMatch(/^\?topics=vm:metrics&only=[0-9a-f-]{36}/);
  expect(await page.locator("[data-live]").innerText()).toBe("Charts follow the live stream.");
  // What is told makes the totals go on, too.
  await page.locator('[data-chart="total-memory"]').scrollIntoViewIfNeeded();
  await chart("Memory").waitFor();
  // With its first read over, the next is due to what was told.
  await expect.poll(() => reads, MEASURING).toBeGreaterThan(0);
  const before = reads;
  await expect.poll(() => reads, BEFORE_THAT).toBeGreaterThan(before);
  // A time that is over is not followed.
  await page.getByRole("switch", { name: "Live: follow the present" }).uncheck({ force: true });
  await page.locator("[data-live]").waitFor({ state: "detached" });
});

test("x17: without the live stream figures are read from time to time, and it is said", async () => {
  const { page } = story;
  story.expectStatus(503);
  await page.route("**/api/v1/live?*", (route) => route.fulfill({ status: 503, body: "" }));
  const vm = await newVm(story, true);
  let reads = 0;
  page.on("request", (request) => {
    if (new URL(request.url()).pathname.endsWith(`/vms/${vm.id}/metrics`)) reads += 1;
  });
  await story.open(`/vms/${vm.id}?tab=metrics`);
  await page.getByText("The live stream is away").waitFor();
  await chart("Memory").waitFor(MEASURING);
  await expect.poll(() => reads, MEASURING).toBeGreaterThan(2);
  // It comes back by itself.
  await page.unroute("**/api/v1/live?*");
  await page.locator('.now[data-live="true"] dd').first().waitFor({ timeout: MEASURING.timeout });
});
