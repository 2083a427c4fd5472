import { describe, expect, test } from "vitest";
import { ROW_HEIGHT, rowWindow } from "./useRowWindow";

describe("rowWindow", () => {
  test("every row in view is among those shown, wherever it is scrolled", () => {
    const height = 613;
    for (let top = 0; top < 500 * ROW_HEIGHT; top += 13) {
      const { first, end } = rowWindow(top, height, 10_000);
      expect(first).toBeLessThanOrEqual(Math.floor(top / ROW_HEIGHT));
      expect(end).toBeGreaterThanOrEqual(Math.ceil((top + height) / ROW_HEIGHT));
      expect(end - first).toBeLessThan(50);
    }
  });

  test("scrolling by less than a row mostly changes nothing", () => {
    const windows = new Set<number>();
    for (let top = 2000; top < 2000 + 40 * ROW_HEIGHT; top += 1) {
      windows.add(rowWindow(top, 600, 10_000).first);
    }
    expect(windows.size).toBeLessThanOrEqual(11);
  });

  test("a list shorter than the view, an empty one, and a place beyond the end", () => {
    expect(rowWindow(0, 600, 3)).toEqual({ first: 0, end: 3 });
    expect(rowWindow(0, 600, 0)).toEqual({ first: 0, end: 0 });
    expect(rowWindow(-40, 600, 5)).toEqual({ first: 0, end: 5 });
    const beyond = rowWindow(1_000_000, 600, 20);
    expect(beyond.first).toBeLessThanOrEqual(beyond.end);
    expect(beyond.end).toBe(20);
  });
});
