// A chart's values as a table, newest first: for who does not see the chart, and for
// who wants the numbers.
import type { Grid } from "../../lib/charts/grid";
import { secondsAt } from "../../lib/charts/grid";
import { figure, type Unit } from "../../lib/charts/units";
import { type Cell, toCsv } from "../../lib/csv";
import { bothTimes, localTime } from "../../lib/format";

interface Props {
  grid: Grid;
  unit: Unit;
  label: string;
}

export function ChartTable({ grid, unit, label }: Props) {
  const rows = secondsAt(grid)
    .map((seconds, row) => ({ at: new Date(seconds * 1000).toISOString(), row }))
    // A time at which nothing was measured says nothing that its absence does not.
    .filter(({ row }) => grid.lines.some(({ values }) => values[row] !== null))
    .reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to by keyboard
    <section className="chart-table" aria-label={`${label}: values`} tabIndex={0}>
      <table aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {grid.lines.map(({ key, name }) => (
              <th key={key} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, row }) => (
            <tr key={at}>
              <th scope="row" title={bothTimes(at)}>
                {localTime(at)}
              </th>
              {grid.lines.map(({ key, values }) => (
                <td key={key}>{figure(values[row], unit)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The same for a spreadsheet: times in UTC, values in base units. */
export function csvOf(grid: Grid): string {
  const rows = secondsAt(grid).map((seconds, row): Cell[] => [
    new Date(seconds * 1000).toISOString(),
    ...grid.lines.map(({ values }) => values[row]),
  ]);
  return toCsv(["time", ...grid.lines.map(({ name }) => name)], rows);
}
