// Whom the fleet's charts follow, and what is said of how they do.
import { expect, test } from "vitest";
import { followedOf, followText } from "./fleet";

test("d6: who is compared is followed, each once", () => {
  expect(followedOf([], ["a", "b", "a"])).toEqual(["a", "b"]);
});

test("another order, or one newcomer, is no reason to begin anew", () => {
  const followed = ["a", "b", "c", "d"];
  expect(followedOf(followed, ["d", "a", "b", "c"])).toBe(followed);
  expect(followedOf(followed, ["a", "b", "x", "y"])).toBe(followed);
  // Nobody is known yet to compare.
  expect(followedOf(followed, [])).toBe(followed);
});

test("when most of the compared are others, these are followed", () => {
  expect(followedOf(["a", "b", "c"], ["a", "x", "y"])).toEqual(["a", "x", "y"]);
  // More are compared than before.
  expect(followedOf(["a"], ["a", "b", "c"])).toEqual(["a", "b", "c"]);
});

test("charts say how often they are read, which is as often as they move", () => {
  expect(followText("fed", 10)).toBe("Charts follow the live stream.");
  expect(followText("by time", 10)).toBe("Charts are read every 10 s.");
  expect(followText("by time", 60)).toBe("Charts are read every 60 s.");
  expect(followText("stream away", 1_800)).toBe(
    "The live stream is away: charts are read every 30 min.",
  );
});
