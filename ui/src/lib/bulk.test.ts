// Many at once: nobody is forgotten, nobody is done twice, failures stay single.
import { expect, test } from "vitest";
import { eachOf } from "./bulk";

test("every item is done once, at most so many at a time, and one failure is one item's", async () => {
  const items = Array.from({ length: 500 }, (_, index) => index);
  const results = new Map<number, boolean>();
  let atWork = 0;
  let most = 0;
  await eachOf(
    items,
    6,
    async (item) => {
      atWork += 1;
      most = Math.max(most, atWork);
      await Promise.resolve();
      atWork -= 1;
      if (item % 7 === 0) throw new Error("refused");
      return item;
    },
    (item, result) => {
      expect(results.has(item)).toBe(false);
      results.set(item, result.ok);
    },
  );
  expect(results.size).toBe(500);
  expect(most).toBe(6);
  expect(items.every((item) => results.get(item) === (item % 7 !== 0))).toBe(true);
});
