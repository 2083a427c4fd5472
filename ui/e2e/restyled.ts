// Counts how many elements the browser restyles while a table is scrolled: a
// figure that no machine's speed changes. One selector such as `* + *` makes it
// the whole table for each row.
import type { Page } from "playwright-core";

interface TraceEvent {
  name: string;
  ph: string;
  args: { elementCount?: number };
}

/** Scrolls the first table row by row; gives how many rows came in and how many elements were restyled. */
export async function restyled(page: Page): Promise<{ rows: number; elements: number }> {
  const browser = page.context().browser();
  if (!browser) throw new Error("the page has no browser of its own");
  const place = page.locator("section.data-table").first();
  await place.evaluate((element) => element.scrollTo(0, 0));
  await page.waitForTimeout(500);
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
