// Of a table that keeps in the document only what is in view: the row that has the focus, too.
import { type FocusEvent, useState } from "react";
import { flushSync } from "react-dom";

/** Keeps the row with the focus in the document while it is scrolled out of view. */
export function useFocusedRow<T>(rows: readonly T[], rowId: (row: T) => string) {
  const [id, setId] = useState<string>();
  const found = id === undefined ? -1 : rows.findIndex((row) => rowId(row) === id);
  return {
    index: found < 0 ? undefined : found,
    onFocus: (event: FocusEvent) => setId(rowOf(event.target)?.dataset.id),
    onBlur: (event: FocusEvent) => {
      if (!rowOf(event.relatedTarget)) setId(undefined);
    },
    show: (index: number) => {
      const row = rows[index];
      if (row !== undefined) flushSync(() => setId(rowId(row)));
    },
  };
}

function rowOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-row]") : null;
}
