// A table that is wider than its window can be scrolled by keyboard.
import { afterEach, expect, test, vi } from "vitest";
import { rendered } from "../testing/rendered";
import { PlainTable } from "./PlainTable";

afterEach(() => vi.restoreAllMocks());

const table = (rows: string[]) => (
  <PlainTable
    label="Names"
    columns={[{ header: "Name", cell: (row: string) => row }]}
    rows={rows}
    rowId={(row) => row}
    empty="There is none."
  />
);

/** happy-dom lays nothing out: everything is as wide as is said here, and seen at once. */
function wide(scrollWidth: number) {
  vi.spyOn(HTMLElement.prototype, "scrollWidth", "get").mockReturnValue(scrollWidth);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(300);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(private readonly told: () => void) {}
      observe() {
        this.told();
      }
      disconnect() {}
    },
  );
}

test("what scrolls sideways has the focus when it is its turn", async () => {
  wide(500);
  // Its rows come later.
  const { place, show } = await rendered(table([]));
  expect(place.textContent).toBe("There is none.");
  await show(table(["web-01"]));
  const box = place.querySelector(".plain-table");
  expect(box?.getAttribute("tabindex")).toBe("0");
  expect(box?.getAttribute("aria-label")).toBe("Names");
});

test("what does not scroll is no stop on the way", async () => {
  wide(300);
  const { place } = await rendered(table(["web-01"]));
  expect(place.querySelector(".plain-table")?.hasAttribute("tabindex")).toBe(false);
});
