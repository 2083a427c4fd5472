// A forecast as lines of a chart: what is expected, between the least and the most.
import type { OutlookForecast } from "../../api/types";
import { columnOf, type Grid, type Line } from "../charts/grid";

/** The band is between these lines of the grid. */
export const BAND = { high: 1, low: 2 } as const;

/** A limit further up than this many times the highest would flatten all that is expected. */
const LIMIT_FAR = 2;

/** Undefined where there are not two times to draw a line between. */
export function gridOf(
  { steps }: OutlookForecast,
  limit: number | null | undefined,
): Grid | undefined {
  const [first, second, last] = [steps[0], steps[1], steps.at(-1)];
  if (!first || !second || !last || second[0] <= first[0]) return undefined;
  const times = { start: first[0], end: last[0], step: (second[0] - first[0]) / 1000 };
  const line = (key: string, name: string, pick: (step: (typeof steps)[number]) => number) => {
    const samples = steps.map((step) => [step[0], pick(step)] as const);
    return { key, name, labels: {}, values: columnOf({ labels: {}, samples }, times) };
  };
  const lines: Line[] = [
    line("expected", "expected", (step) => step[1]),
    line("high", "at most", (step) => step[3]),
    line("low", "at least", (step) => step[2]),
  ];
  const highest = Math.max(...steps.map((step) => step[3]));
  if (typeof limit === "number" && limit <= LIMIT_FAR * highest) {
    lines.push(line("limit", "full at", () => limit));
  }
  return { ...times, lines };
}
