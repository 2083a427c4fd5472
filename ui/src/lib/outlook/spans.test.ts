// Lengths of time ahead are never surer than they are.
import { expect, test } from "vitest";
import type { TimeToFull } from "../../api/types";
import { fullText, secondsBetween, signed, span, trendText } from "./spans";

const NOW = "2026-11-22T01:00:00Z";
const WEEK = 604_800;

function filling(more: Partial<TimeToFull>): TimeToFull {
  return { state: "filling", likely: "2026-11-26T01:00:00Z", ...more };
}

test("a span is in the unit that leaves two digits or so", () => {
  expect([60, 7_199, 7_200, 172_799, 172_800, 7_776_000, -5].map((it) => span(it))).toEqual([
    "1 min",
    "120 min",
    "2 h",
    "48 h",
    "2 d",
    "90 d",
    "0 min",
  ]);
  const almost = 2.9 * 86_400;
  expect([span(almost, "down"), span(almost, "up"), span(almost)]).toEqual(["2 d", "3 d", "3 d"]);
});

test("d22: when it is full has its error bars, the earliest rounded down and the latest up", () => {
  const told = filling({ earliest: "2026-11-24T20:00:00Z", latest: "2026-11-28T02:00:00Z" });
  expect(fullText(told, NOW, WEEK)).toEqual({ main: "in 4 d", range: "2 d to 7 d" });
});

test("d22: what has no upper end is not before, and perhaps not at all", () => {
  const told = filling({ earliest: "2026-11-24T20:00:00Z", latest: null });
  expect(fullText(told, NOW, WEEK)).toEqual({
    main: "in 4 d",
    range: "not before 2 d, perhaps not within 7 d",
  });
});

test("full, and not within the horizon, have no range", () => {
  expect(fullText({ state: "full" }, NOW, WEEK)).toEqual({ main: "full now" });
  expect(fullText({ state: "not_within_horizon" }, NOW, WEEK)).toEqual({ main: "not within 7 d" });
  expect(fullText({ state: "bursting" }, NOW, WEEK)).toEqual({ main: "bursting" });
  expect(fullText({ state: "filling" }, NOW, WEEK)).toEqual({ main: "filling" });
});

test("a rise has its sign, a share rises by points, and too little to be seen has none", () => {
  expect(signed(2 ** 30, "bytes")).toBe("+1 GiB");
  expect(signed(-0.021, "ratio")).toBe("−2.1 %-points");
  expect(signed(0.00001, "ratio")).toBe("0 %-points");
  expect(signed(-0.2, "bytes_per_second")).toBe("0 B/s");
});

test("a trend says which way it goes only where its range leaves no doubt", () => {
  const trend = { per_day: 2, per_day_low: 1, per_day_high: 3, spread: 1, looked_back_seconds: 9 };
  expect(trendText(trend, "count")).toEqual({ main: "+2", range: "+1 to +3", direction: "up" });
  expect(trendText({ ...trend, per_day_low: -1 }, "count").direction).toBeUndefined();
  const down = { ...trend, per_day_low: -3, per_day: -2, per_day_high: -1 };
  expect(trendText(down, "count")).toEqual({ main: "−2", range: "−3 to −1", direction: "down" });
});

test("between two times is none where one is none", () => {
  expect(secondsBetween(NOW, "2026-11-22T01:01:00Z")).toBe(60);
  expect(secondsBetween(null, NOW)).toBeUndefined();
  expect(secondsBetween(NOW, "soon")).toBeUndefined();
});
