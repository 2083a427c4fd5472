// How the table of VMs does with as many VMs as the server has (`cargo xtask ui
// bench`: 10,000). Times are wall time, as a reader has them; beside them stands
// what the page's main thread computed, in its own processor time, because a busy
// machine or a browser that draws without a graphics card blurs the former. No
// time fails it: the machine is not known. What is counted does.
import { expect, test } from "vitest";
import type { Page as ListPage, VmSummary } from "../src/api/types";
import { stories } from "./browser";
import { restyled } from "./restyled";

const story = stories();
/** How fast is scrolled, in pixels a second: reading, looking for something, rushing. */
const PACES = [500, 2_000, 8_000];
const SCROLL_MS = 4_000;
const KINDS = ["Script", "RecalcStyle", "Layout", "Task"] as const;

test("the table of VMs, measured", async () => {
  const { page, context } = story;
  const all = await story.api<ListPage<VmSummary>>("/api/v1/vms?limit=1");
  console.log(`${all.approx_total} VMs`);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () => {
    const answer = await devtools.send("Performance.getMetrics");
    return new Map(answer.metrics.map(({ name, value }) => [name, value]));
  };

  await page.addInitScript(watchFirstRow);
  for (const how of ["cold", "warm"]) {
    await story.open("/vms");
    await page.locator("[data-row]").first().waitFor();
    const at = await page.evaluate(() => (window as unknown as { firstRow: number }).firstRow);
    console.log(`first rows, ${how} cache: ${at.toFixed(0)} ms after the navigation began`);
  }
  // Whatever a page does after its first paint is done before anything is measured.
  await page.waitForLoadState("networkidle").catch(() => {});
  await page.waitForTimeout(2_000);

  for (const state of ["stopped", "running", "paused"]) {
    await page.getByRole("button", { name: /^State: / }).click();
    const option = page.getByRole("option", { name: state, exact: true });
    await option.waitFor();
    const { total, server } = await option.evaluate(filterBy, state);
    console.log(
      `filter by ${state}: ${total.toFixed(0)} ms, of which the server ${server.toFixed(0)} ms`,
    );
  }
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForTimeout(1_500);

  for (const pace of PACES) {
    await page.locator("section.data-table").evaluate((element) => element.scrollTo(0, 0));
    await page.waitForTimeout(1_000);
    const before = await metrics();
    const run = await page.evaluate(scroll, { pace, ms: SCROLL_MS });
    const after = await metrics();
    const perFrame = KINDS.map((kind) => {
      const key = `${kind}Duration`;
      const seconds = (after.get(key) ?? 0) - (before.get(key) ?? 0);
      return `${kind} ${((seconds * 1000) / run.frames).toFixed(1)}`;
    });
    console.log(
      `scroll ${pace} px/s: ${run.fps.toFixed(1)} frames/s, 95 % within ${run.p95.toFixed(0)} ms, ` +
        `worst ${run.worst.toFixed(0)} ms; computing per frame, ms: ${perFrame.join(", ")}`,
    );
  }

  const { rows, elements } = await restyled(page);
  console.log(`restyled: ${(elements / rows).toFixed(0)} elements for a row that comes into view`);
  expect(elements / rows).toBeLessThan(100);

  await page.evaluate(loadAll);
  const heap = (await metrics()).get("JSHeapUsedSize") ?? 0;
  const table = page.locator("section.data-table").first();
  const count = await table.locator("[data-row]").count();
  const height = await table.locator(".body").evaluate((element) => element.clientHeight);
  console.log(
    `${Math.round(height / 37)} rows loaded: ${(heap / 1e6).toFixed(0)} MB of heap, ${count} rows in the document`,
  );
  expect(count).toBeLessThan(60);
  expect(Math.round(height / 37)).toBeGreaterThanOrEqual((all.approx_total ?? 0) - 5);
});

/** Notes when the first row was painted; runs in the page before anything else. */
function watchFirstRow(): void {
  const watcher = new MutationObserver(() => {
    if (!document.querySelector("[data-row]")) return;
    watcher.disconnect();
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      // A message sent within a frame comes after that frame was painted.
      channel.port1.onmessage = () => {
        (window as unknown as { firstRow: number }).firstRow = performance.now();
      };
      channel.port2.postMessage(undefined);
    });
  });
  watcher.observe(document, { childList: true, subtree: true });
}

/** Chooses an option and waits for the frame in which every row is in that state. */
async function filterBy(option: Element, state: string) {
  performance.clearResourceTimings();
  const begun = performance.now();
  const button = option.closest("button") ?? option.querySelector("button") ?? option;
  (button as HTMLElement).click();
  const matches = () => {
    const body = document.querySelector(".list-body");
    const states = [...document.querySelectorAll(".data-table [data-row] .state")];
    return (
      window.location.search.includes(`state=${state}`) &&
      body?.getAttribute("aria-busy") !== "true" &&
      states.length > 0 &&
      states.every((element) => element.textContent?.startsWith(state))
    );
  };
  while (!matches()) await new Promise(requestAnimationFrame);
  const total = performance.now() - begun;
  const reads = performance.getEntriesByType("resource");
  const read = reads.find(({ name }) => name.includes("/api/v1/vms?") && name.includes(state));
  return { total, server: read?.duration ?? 0 };
}

/** Scrolls at a steady pace and counts frames; runs in the page. */
async function scroll({ pace, ms }: { pace: number; ms: number }) {
  const place = document.querySelector("section.data-table");
  if (!place) throw new Error("there is no table");
  const gaps: number[] = [];
  const begun = performance.now();
  let last = begun;
  while (last - begun < ms) {
    place.scrollTop = (pace * (performance.now() - begun)) / 1000;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  gaps.sort((a, b) => a - b);
  return {
    frames: gaps.length,
    fps: (gaps.length * 1000) / (last - begun),
    p95: gaps[Math.floor(gaps.length * 0.95)] ?? 0,
    worst: gaps.at(-1) ?? 0,
  };
}

/** Goes to the end until every row was read; runs in the page. */
async function loadAll(): Promise<void> {
  const place = document.querySelector("section.data-table");
  const table = place?.querySelector("[role=table]");
  const body = place?.querySelector<HTMLElement>(".body");
  if (!place || !table || !body) throw new Error("there is no table");
  const rowHeight = place.querySelector<HTMLElement>("[data-row]")?.offsetHeight ?? 1;
  const wanted = Number(table.getAttribute("aria-rowcount"));
  const until = performance.now() + 120_000;
  while (body.offsetHeight / rowHeight < wanted && performance.now() < until) {
    place.scrollTop = place.scrollHeight;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
