// Several things looked at as one.
import { expect, test } from "vitest";
import type { Figures } from "./figures";
import { isSameTold, together } from "./together";

const away = (news: number): Figures<string> => ({ isLive: false, news });
const told = (last: string, at: number, news: number): Figures<string> => ({
  isLive: true,
  last,
  at,
  news,
});

test("of nothing, nothing is told", () => {
  expect(together([])).toEqual({ isLive: false, news: 0 });
});

test("while one is told of, all are, and each one's news is news", () => {
  const both = together([told("a", 5, 3), told("b", 9, 4)]);
  expect(both).toEqual({ isLive: true, last: "b", at: 9, news: 7 });
  expect(together([told("a", 5, 4), told("b", 9, 4)]).news).toBe(8);
});

test("x17: a live stream that tells of none of them is not taken for figures", () => {
  const quiet = together<string>([{ isLive: true, news: 2 }, away(1)]);
  expect(quiet).toEqual({ isLive: true, news: 3 });
  expect("last" in quiet).toBe(false);
});

test("what came from another is something new, also without news", () => {
  const one = together([told("a", 5, 3)]);
  expect(isSameTold(one, together([told("a", 5, 3)]))).toBe(true);
  expect(isSameTold(one, together([told("b", 5, 3)]))).toBe(false);
  expect(isSameTold(one, together([away(3)]))).toBe(false);
});
