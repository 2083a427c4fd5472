// Walking a table by keyboard: `j` and `k` move the focus from row to row, `x`
// ticks the row that has it, and Enter follows its link as links do. A row that has
// none takes the focus itself. The focus is the browser's own, so that nothing has to
// be announced twice.
import { type RefObject, useEffect } from "react";
import { isForPage } from "../lib/shortcuts";

export function useRowKeys(
  scroller: RefObject<HTMLElement | null>,
  enabled: boolean,
  count: number,
  /** Puts a row into the document. */
  show: (index: number) => void,
): void {
  useEffect(() => {
    if (!enabled) return;
    const pressed = (event: KeyboardEvent) => {
      const place = scroller.current;
      if (!place || !isForPage(event)) return;
      const focused = document.activeElement;
      const row = place.contains(focused) ? focused?.closest("[data-row]") : null;
      if (event.key === "x") row?.querySelector<HTMLElement>("input[type=checkbox]")?.click();
      else if (event.key === "j" || event.key === "k") {
        const next = nextRow(row, event.key === "j" ? 1 : -1, count);
        if (next === undefined) return;
        show(next);
        focusRow(place.querySelector<HTMLElement>(`[aria-rowindex="${next + 2}"][data-row]`));
      } else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [scroller, enabled, count, show]);
}

function focusRow(row: HTMLElement | null): void {
  const link = row?.querySelector<HTMLElement>("a") ?? row?.querySelector("button");
  // By these keys alone: for Tab and the mouse a row is no stop.
  if (row && !link) row.tabIndex = -1;
  (link ?? row)?.focus();
}

/** The row after or before the one with the focus; the first when none has it. */
function nextRow(row: Element | null | undefined, by: 1 | -1, count: number): number | undefined {
  if (count === 0) return undefined;
  if (!row) return 0;
  // The header is row 1.
  const next = Number(row.getAttribute("aria-rowindex")) - 2 + by;
  return Math.min(count - 1, Math.max(0, next));
}
