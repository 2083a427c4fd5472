// What the history answers, as columns over one row of times. A time without a
// sample has null: it is drawn as a gap, never joined and never zero.
import type { Times } from "./range";

export interface Line {
  /** Stays the same when the chart is read again. */
  key: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  values: readonly (number | null)[];
}

export interface Grid extends Times {
  lines: readonly Line[];
}

/** A series as the server answers it. */
export interface Answered {
  labels: Record<string, string>;
  samples: readonly (readonly [number, number | null] | (number | null)[])[];
}

export function lengthOf({ start, end, step }: Times): number {
  return Math.max(1, Math.round((end - start) / (step * 1000)) + 1);
}

/** Seconds since 1970, as charts count. */
export function secondsAt(times: Times): number[] {
  return Array.from({ length: lengthOf(times) }, (_, row) => times.start / 1000 + row * times.step);
}

/** A series as a column. */
export function columnOf(series: Answered, times: Times): (number | null)[] {
  const column = new Array<number | null>(lengthOf(times)).fill(null);
  for (const [at, value] of series.samples) {
    if (typeof at !== "number") continue;
    const row = Math.round((at - times.start) / (times.step * 1000));
    if (row >= 0 && row < column.length) column[row] = value ?? null;
  }
  return column;
}

/** Whether a chart of `old` can go on to `next` by reading only what came since. */
export function continues(old: Grid | undefined, next: Times): old is Grid {
  return (
    old !== undefined &&
    old.step === next.step &&
    old.end >= next.start &&
    old.end <= next.end &&
    // Earlier than what is there was not read.
    old.start <= next.start
  );
}

/** `old`, as far as it is in `times`, and from `fresh.start` on what was read now. */
export function joined(old: Grid, fresh: Grid, times: Times): Grid {
  const length = lengthOf(times);
  const rowOf = (grid: Times) => Math.round((grid.start - times.start) / (times.step * 1000));
  const [oldRow, freshRow] = [rowOf(old), rowOf(fresh)];
  const before = new Map(old.lines.map((line) => [line.key, line]));
  const after = new Map(fresh.lines.map((line) => [line.key, line]));
  const lines: Line[] = [];
  for (const [key, line] of new Map([...before, ...after])) {
    const values = Array.from({ length }, (_, row) => {
      const from = row >= freshRow ? after.get(key) : before.get(key);
      return from?.values[row - (row >= freshRow ? freshRow : oldRow)] ?? null;
    });
    // What has left the range entirely is no line any more.
    if (values.some((value) => value !== null)) lines.push({ ...line, values });
  }
  return { ...times, lines };
}

export interface Summary {
  min: number | null;
  avg: number | null;
  max: number | null;
  last: number | null;
  /** The row of the last value. */
  lastRow: number | null;
}

/** Of the values there are; none of what is missing. */
export function summaryOf(values: readonly (number | null)[]): Summary {
  let [min, max, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  let lastRow: number | null = null;
  for (const [row, value] of values.entries()) {
    if (value === null) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count += 1;
    lastRow = row;
  }
  if (lastRow === null) return { min: null, avg: null, max: null, last: null, lastRow };
  return { min, avg: sum / count, max, last: values[lastRow] ?? null, lastRow };
}

/** Rows with nothing on either side: a line alone would not show them. */
export function lonelyRows(values: readonly (number | null | undefined)[]): number[] {
  const isThere = (row: number) => values[row] !== null && values[row] !== undefined;
  const rows: number[] = [];
  for (let row = 0; row < values.length; row += 1) {
    if (isThere(row) && !isThere(row - 1) && !isThere(row + 1)) rows.push(row);
  }
  return rows;
}
