// Which times are asked for, and what the URL may say about them.
import { describe, expect, test } from "vitest";
import { lengthOf } from "./grid";
import {
  instantText,
  isLive,
  rangeOf,
  rangeSearch,
  readEvery,
  SPANS,
  scaled,
  stepFor,
  timesOf,
  zoomed,
} from "./range";

const NOW = Date.parse("2026-11-21T12:34:56.789Z");

describe("steps", () => {
  test.each([
    ["15m", 10],
    ["1h", 10],
    ["6h", 60],
    ["24h", 300],
    ["7d", 1_800],
    ["30d", 7_200],
  ] as const)("of %s are %i s", (range, step) => {
    expect(timesOf(rangeOf({ range }), NOW).step).toBe(step);
  });

  test("are never so small that a range has more times than a chart has room for", () => {
    for (let seconds = 1; seconds < 4e9; seconds = seconds * 1.7 + 1) {
      expect(seconds / stepFor(seconds)).toBeLessThanOrEqual(360);
    }
  });
});

test("times are multiples of the step, so that a question stays the same until they move", () => {
  for (const range of SPANS) {
    const one = timesOf(rangeOf({ range }), NOW);
    expect(one.start % (one.step * 1000)).toBe(0);
    expect(one.end % (one.step * 1000)).toBe(0);
    expect(one.end).toBeLessThanOrEqual(NOW);
    const later = timesOf(rangeOf({ range }), one.end + one.step * 1000 - 1);
    expect(later).toEqual(one);
    expect(lengthOf(one)).toBeLessThanOrEqual(361);
  }
});

test("between two times, both are in it and the future is not", () => {
  const range = rangeOf({ from: "2026-11-21T12:00:03Z", to: "2026-11-21T13:00:00Z" });
  const { start, end, step } = timesOf(range, NOW);
  expect(step).toBe(10);
  expect(instantText(start)).toBe("2026-11-21T12:00:00Z");
  expect(instantText(end)).toBe("2026-11-21T12:34:50Z");
  // Wholly in the future there is still one step, and nothing goes backwards.
  const future = timesOf({ kind: "between", from: NOW + 1e6, to: NOW + 2e6 }, NOW);
  expect(future.end).toBeGreaterThan(future.start);
});

test("the URL is read as far as it says something", () => {
  expect(rangeSearch({ range: "6h" })).toEqual({ range: "6h" });
  expect(rangeSearch({ range: "6 hours", live: true })).toEqual({});
  expect(rangeSearch({ live: false })).toEqual({ live: false });
  const both = { from: "2026-11-21T12:00:00+01:00", to: "2026-11-21T11:30:00Z" };
  expect(rangeSearch(both)).toEqual({ from: "2026-11-21T11:00:00Z", to: "2026-11-21T11:30:00Z" });
  for (const bad of [
    { from: both.from },
    { from: both.to, to: both.from },
    { from: "soon", to: both.to },
    { from: 12, to: both.to },
    { from: "-000100-01-01T00:00:00Z", to: both.to },
  ]) {
    expect(rangeSearch(bad)).toEqual({});
  }
});

test("a range between two times stands still, and so does one that was stopped", () => {
  expect(isLive({})).toBe(true);
  expect(isLive({ live: false })).toBe(false);
  expect(isLive({ from: "2026-11-21T11:00:00Z", to: "2026-11-21T11:30:00Z" })).toBe(false);
});

test("a chart is read as often as it moves, and not while it waits to be told", () => {
  const steps = SPANS.map((range) => timesOf(rangeOf({ range }), NOW).step);
  expect(steps.map((step) => readEvery(step, false))).toEqual([10, 10, 60, 300, 1_800, 7_200]);
  expect(steps.map((step) => readEvery(step, true))).toEqual([60, 60, 60, 300, 1_800, 7_200]);
});

test("a zoom is drawn in either direction, and no closer than there is anything between", () => {
  expect(zoomed(NOW, NOW - 600_000)).toEqual(zoomed(NOW - 600_000, NOW));
  const { from, to } = zoomed(NOW, NOW + 10);
  expect(Date.parse(to ?? "") - Date.parse(from ?? "")).toBe(60_000);
});

test("a zoom by key leaves the time under the crosshair where it is", () => {
  const times = { start: NOW - 600_000, end: NOW, step: 10 };
  expect(scaled(times, 0.5, NOW - 150_000, NOW)).toEqual({
    from: instantText(NOW - 375_000),
    to: instantText(NOW - 75_000),
  });
});

test("zooming out ends at the present, and is as long as was asked for", () => {
  const times = { start: NOW - 600_000, end: NOW, step: 10 };
  expect(scaled(times, 2, NOW - 300_000, NOW)).toEqual({
    from: instantText(NOW - 1_200_000),
    to: instantText(NOW),
  });
});
