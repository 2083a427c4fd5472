// Gaps stay gaps, whatever a chart is joined from.
import { expect, test } from "vitest";
import { columnOf, continues, type Grid, joined, lengthOf, lonelyRows, summaryOf } from "./grid";

const T = 1_700_000_000_000;
const at = (row: number) => T + row * 10_000;
const times = (from: number, to: number) => ({ start: at(from), end: at(to), step: 10 });

function grid(from: number, values: Record<string, (number | null)[]>): Grid {
  const length = Object.values(values)[0]?.length ?? 1;
  const lines = Object.entries(values).map(([key, values]) => ({
    key,
    name: key,
    labels: {},
    values,
  }));
  return { ...times(from, from + length - 1), lines };
}

test("what was not measured is a gap: neither zero nor joined to what is beside it (D4)", () => {
  const series = { labels: {}, samples: [[at(0), 1] as const, [at(3), 0] as const] };
  expect(columnOf(series, times(0, 5))).toEqual([1, null, null, 0, null, null]);
});

test("a value that is no number is a gap, and a sample outside of the range is left out", () => {
  const samples = [[at(-1), 9] as const, [at(1), null] as const, [at(2), 2] as const, [at(7), 9]];
  expect(columnOf({ labels: {}, samples }, times(0, 2))).toEqual([null, null, 2]);
});

test("a chart of one time has one row", () => {
  expect(lengthOf(times(4, 4))).toBe(1);
  expect(columnOf({ labels: {}, samples: [[at(4), 5]] }, times(4, 4))).toEqual([5]);
});

test("a live chart goes on only from one that covers the beginning, by the same step", () => {
  const old = grid(0, { a: [1, 2, 3, 4] });
  expect(continues(old, times(1, 5))).toBe(true);
  expect(continues(undefined, times(1, 5))).toBe(false);
  expect(continues(old, { ...times(1, 5), step: 60 })).toBe(false);
  // It would begin earlier than what was read, or has ended before the range begins.
  expect(continues(old, times(-1, 5))).toBe(false);
  expect(continues(old, times(4, 9))).toBe(false);
  // The server's clock was put back.
  expect(continues(old, times(0, 2))).toBe(false);
});

test("the new part takes the place of the old, the rest moves, and what is older goes", () => {
  const old = grid(0, { a: [1, 2, 3, 4], b: [null, 7, null, null] });
  const fresh = grid(2, { a: [30, null, 50, 60] });
  const whole = joined(old, fresh, times(1, 5));
  expect(whole.lines.map(({ key, values }) => [key, values])).toEqual([
    ["a", [2, 30, null, 50, 60]],
    ["b", [7, null, null, null, null]],
  ]);
  expect([whole.start, whole.end, whole.step]).toEqual([at(1), at(5), 10]);
});

test("a line that has left the range is gone, and one that comes has a gap before it", () => {
  const old = grid(0, { gone: [1, null, null, null] });
  const fresh = grid(3, { come: [8, 9] });
  const whole = joined(old, fresh, times(1, 4));
  expect(whole.lines.map(({ key, values }) => [key, values])).toEqual([
    ["come", [null, null, 8, 9]],
  ]);
});

test("joined step by step, a chart is what it would be read at once", () => {
  // A walk with holes, read in pieces of three with an overlap of two.
  const value = (row: number) => (row % 7 === 3 || row % 11 === 0 ? null : row * 2);
  const read = (from: number, to: number) =>
    grid(from, { a: Array.from({ length: to - from + 1 }, (_, row) => value(from + row)) });
  let chart = read(0, 20);
  for (let end = 21; end < 60; end += 1) {
    chart = joined(chart, read(end - 3, end), times(end - 20, end));
  }
  expect(chart).toEqual(read(39, 59));
});

test("sums are of the values there are", () => {
  expect(summaryOf([null, 2, null, 4, null])).toEqual({
    min: 2,
    avg: 3,
    max: 4,
    last: 4,
    lastRow: 3,
  });
  expect(summaryOf([null, null])).toEqual({
    min: null,
    avg: null,
    max: null,
    last: null,
    lastRow: null,
  });
  // Of what is truly zero it is zero.
  expect(summaryOf([0, 0]).avg).toBe(0);
});

test("a value between two gaps is found, so that it is drawn as a point", () => {
  expect(lonelyRows([1, null, 2, 3, null, 4])).toEqual([0, 5]);
  expect(lonelyRows([null, 0, null])).toEqual([1]);
  expect(lonelyRows([])).toEqual([]);
});

test("50 lines of 1000 times are joined into 50 lines of 1000 times", () => {
  const many = (from: number) =>
    grid(
      from,
      Object.fromEntries(
        Array.from({ length: 50 }, (_, line) => [
          `line ${line}`,
          Array.from({ length: 1000 }, (_, row) => from + row + line),
        ]),
      ),
    );
  const whole = joined(many(0), many(10), times(10, 1009));
  expect(whole.lines).toEqual(many(10).lines);
});
