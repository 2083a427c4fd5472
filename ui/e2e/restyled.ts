// Counts how many elements the browser restyles while a table is scrolled: a
// figure that no machine's speed changes. One selector such as `* + *` makes it
// the whole table for each row.
import type { Page } from "playwright-core";

interface TraceEvent {
  name: string;
  ph: string;
  args: { elementCount?: number };
}

interface Restyled {
  /** How many rows came into view. */
  rows: number;
  /** How many elements were restyled meanwhile. */
  elements: number;
}

/** So often it is measured: what else changes on a living page only adds. */
const TIMES = 3;

/** Scrolls the first table row by row; gives the least that was restyled for it. */
export async function restyled(page: Page): Promise<Restyled> {
  let least = await restyledOnce(page);
  for (let time = 1; time < TIMES; time += 1) {
    const next = await restyledOnce(page);
    if (next.elements / next.rows < least.elements / least.rows) least = next;
  }
  return least;
}

async function restyledOnce(page: Page): Promise<Restyled> {
  const browser = page.context().browser();
  if (!browser) throw new Error("the page has no browser of its own");
  const place = page.locator("section.data-table").first();
  await place.evaluate(async (element) => {
    element.scrollTo(0, 0);
    // The frame of the way back, and one in which all is as it was.
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  });
  await browser.startTracing(page, {
    categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  const rows = await place.evaluate(async (element) => {
    const seen = new Set(element.querySelectorAll("[data-row]"));
    const before = seen.size;
    for (let step = 0; step < 40; step += 1) {
      element.scrollTop += 37;
      await new Promise(requestAnimationFrame);
      for (const row of element.querySelectorAll("[data-row]")) seen.add(row);
    }
    return seen.size - before;
  });
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[];
  };
  const elements = trace.traceEvents
    .filter(({ name, ph }) => name === "UpdateLayoutTree" && ph === "X")
    .reduce((sum, { args }) => sum + (args.elementCount ?? 0), 0);
  return { rows, elements };
}
