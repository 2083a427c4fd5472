// A list that was read again keeps the rows that are as they were, so that a
// table draws anew only those that are not. The cache's own way of comparing
// copies everything it looks at, which ten thousand rows make felt.
import type { InfiniteData } from "@tanstack/react-query";
import type { Page } from "./types";

type List = InfiniteData<Page<{ id?: string }>>;

/** `next` with each row, page and finally the whole replaced by what it equals in `old`. */
export function shareRows(old: unknown, next: unknown): unknown {
  if (!isList(old) || !isList(next)) return next;
  const known = new Map<unknown, object>();
  for (const page of old.pages) for (const row of page.items) known.set(row.id ?? row, row);
  const pages = next.pages.map((page, index) => {
    const items = page.items.map((row) => {
      const before = row.id === undefined ? undefined : known.get(row.id);
      return before !== undefined && isSame(before, row) ? (before as typeof row) : row;
    });
    const before = old.pages[index];
    const shared = { ...page, items };
    return before && isSame(before, shared) ? before : shared;
  });
  const shared = { ...next, pages };
  return isSame(old, shared) ? old : shared;
}

function isList(value: unknown): value is List {
  return typeof value === "object" && value !== null && "pages" in value;
}

/** Whether two values from JSON say the same. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object") return false;
  if (one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((value, index) => isSame(value, other[index]));
  }
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]));
}
