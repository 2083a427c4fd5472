// The reasons why there is no answer, as people read them.
import { expect, test } from "vitest";
import { lacking, resourceOf } from "../../components/outlook/outlook.fixture";
import {
  isFull,
  modelText,
  nameOf,
  sentence,
  shareText,
  shortWhy,
  stepText,
  unitOf,
  whyText,
} from "./words";

test("d22: too little data is said with how much there is and how much is needed", () => {
  expect(whyText(lacking("trend"), "bytes", 3600)).toBe(
    "12 of at least 30 values are there, each the mean of an hour",
  );
  expect(whyText(lacking("anomalies.level"), "bytes")).toBe("12 of at least 30 values are there");
  const reach = lacking("forecast", { have: 950_400, need: 1_814_400, unit: "seconds" });
  expect(whyText(reach, "bytes")).toBe(
    "the history reaches back 11 d, and at least 21 d are needed",
  );
  const gaps = lacking("forecast", { have: 0.62, need: 0.8, unit: "ratio" });
  expect(whyText(gaps, "bytes")).toBe(
    "62 % of the time was measured, and at least 80 % are needed",
  );
});

test("what falls short by little is not rounded to what is needed", () => {
  const reach = lacking("sizing", { have: 604_000, need: 604_800, unit: "seconds" });
  expect(whyText(reach, "count")).toContain("back 6 d, and at least 7 d");
  const gaps = lacking("forecast", { have: 0.79999, need: 0.8, unit: "ratio" });
  expect(whyText(gaps, "count")).toContain("79.9 % of the time");
});

test("no model has its errors, in the unit of the resource, where they are known", () => {
  const none = lacking("forecast", {
    why: "no_model",
    have: 3 * 2 ** 30,
    need: 2 ** 30,
    unit: null,
  });
  expect(whyText(none, "bytes")).toContain("off by 3 GiB, and to expect no change by 1 GiB");
  expect(whyText({ ...none, have: null }, "bytes")).toContain("nothing was better than");
});

test("what was better on the past, and not by enough, is not told to be worse", () => {
  const none = (have: number) => lacking("forecast", { why: "no_model", have, need: 100 });
  const told = (have: number) => whyText(none(have), "count");
  expect(told(95)).toBe(
    "on the past the best way was off by 95, and to expect no change by 100: that is better, but " +
      "by less than a tenth",
  );
  for (const have of [100, 120]) expect(told(have)).toMatch(/: it cannot be foreseen$/);
  // Good enough, but what it goes by is not there at the end.
  expect(told(50)).toMatch(/: that is better, but cannot be carried on from now$/);
});

test("nothing but what is full is told to be 100 % in use", () => {
  const shares = [212, 253, 254, 255, 255.9999, 256, 258].map((used) => shareText(used, 256));
  expect(shares).toEqual(["83 %", "99 %", "99.2 %", "99.6 %", "99.9 %", "100 %", "101 %"]);
  // However little is left.
  expect(shareText(2 ** 50 - 1, 2 ** 50)).toBe("99.9 %");
});

test("who would have measured it only the server knows, and so with reasons newer than this page", () => {
  for (const why of ["not_measured", "stale", "returned", "no_limit", "not_read", "tired"]) {
    expect(whyText(lacking("trend", { why, reason: "the guest agent tells it" }), "bytes")).toBe(
      "the guest agent tells it",
    );
  }
  expect(whyText(lacking("trend", { have: null, reason: "so it is" }), "bytes")).toBe("so it is");
  expect(shortWhy(lacking("trend", { why: "too_tired" }))).toBe("too tired");
  // A word that every object has is no word of ours.
  expect(shortWhy(lacking("trend", { why: "constructor" }))).toBe("constructor");
});

test("resources have names, with what tells them from others", () => {
  expect(nameOf(resourceOf({}))).toBe("Processors");
  const labels = { filesystem: "ext4", mountpoint: "/var" };
  expect(nameOf(resourceOf({ resource: "filesystem", labels }))).toBe("File system /var");
  expect(nameOf(resourceOf({ resource: "gpu_memory" }))).toBe("gpu memory");
});

test("what is full now is full, whatever the history says", () => {
  expect(isFull(resourceOf({ recent: 10, limit: 10 }))).toBe(true);
  expect(isFull(resourceOf({ recent: 9, limit: 10 }))).toBe(false);
  expect(isFull(resourceOf({ recent: 1, limit: null }))).toBe(false);
  expect(isFull(resourceOf({ recent: 0, limit: 0 }))).toBe(false);
  expect(isFull(resourceOf({ recent: null, limit: 10 }))).toBe(false);
  expect(isFull(resourceOf({ recent: 9, limit: 10, time_to_full: { state: "full" } }))).toBe(true);
});

test("units, steps, models and sentences", () => {
  expect(["ratio", "count_per_second", "count", "parsecs"].map(unitOf)).toEqual([
    "ratio",
    "per_second",
    "count",
    "count",
  ]);
  expect([300, 3600, 21_600, 45].map(stepText)).toEqual([
    "5 minutes",
    "an hour",
    "6 hours",
    "45 seconds",
  ]);
  expect(modelText("week")).toBe("the usual week, along a line");
  expect(modelText("oracle")).toBe("oracle");
  expect([sentence("so it is"), sentence("Is it?")]).toEqual(["So it is.", "Is it?"]);
});
