// The lines of a chart by name, with what they amount to; a name hides its line and
// shows it again. The values under the crosshair are written past React: they change
// with every move of the pointer, in every chart of the page.
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { type Grid, type Line, type Summary, summaryOf } from "../../lib/charts/grid";
import type { ChartSpec } from "../../lib/charts/spec";
import { figure } from "../../lib/charts/units";
import { useTheme } from "../../lib/theme";
import { paths } from "../../paths";
import { lookOf } from "./look";

interface Props {
  spec: ChartSpec;
  grid: Grid;
  hidden: ReadonlySet<string>;
  onToggle: (key: string) => void;
  /** Gives the functions that show a row's values and mark a line. */
  onReady: (readout: Readout | undefined) => void;
}

export interface Readout {
  row: (row: number | null) => void;
  line: (index: number | null) => void;
}

export function Legend({ spec, grid, hidden, onToggle, onReady }: Props) {
  const theme = useTheme();
  const body = useRef<HTMLTableSectionElement>(null);
  const head = useRef<HTMLTableCellElement>(null);
  const latest = useRef(grid);
  latest.current = grid;
  const summaries = useMemo(() => grid.lines.map(({ values }) => summaryOf(values)), [grid]);
  useEffect(() => {
    const rows = () => [...(body.current?.rows ?? [])];
    onReady({
      row: (row) => {
        const { lines, start, step } = latest.current;
        if (head.current) {
          head.current.textContent = row === null ? "" : clock(start + row * step * 1000);
        }
        for (const [index, element] of rows().entries()) {
          const cell = element.lastElementChild;
          if (!cell) continue;
          cell.textContent = row === null ? "" : figure(lines[index]?.values[row], spec.unit);
        }
      },
      line: (index) => {
        for (const [at, element] of rows().entries()) {
          element.classList.toggle("near", at === index);
        }
      },
    });
    return () => onReady(undefined);
  }, [spec.unit, onReady]);
  return (
    <div className="legend">
      <table aria-label={`${spec.title}: lines`}>
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">min</th>
            <th scope="col">avg</th>
            <th scope="col">max</th>
            <th scope="col">last</th>
            <td className="under" aria-hidden="true" ref={head} />
          </tr>
        </thead>
        <tbody ref={body}>
          {grid.lines.map((line, index) => (
            <tr key={line.key} className={hidden.has(line.key) ? "hidden" : undefined}>
              <th scope="row">
                <Name
                  line={line}
                  vm={spec.vmOf?.(line.labels)}
                  look={lookOf(index, theme)}
                  isHidden={hidden.has(line.key)}
                  onToggle={onToggle}
                />
              </th>
              <Figures summary={summaries[index]} spec={spec} grid={grid} />
              <td className="under" aria-hidden="true" />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface NameProps {
  line: Line;
  vm: string | undefined;
  look: { colour: string; dash: readonly number[] };
  isHidden: boolean;
  onToggle: (key: string) => void;
}

function Name({ line, vm, look, isHidden, onToggle }: NameProps) {
  return (
    <span className="line-name">
      <button
        type="button"
        aria-pressed={!isHidden}
        aria-label={vm ? `Show ${line.name}` : undefined}
        title={isHidden ? "Show this line" : "Hide this line"}
        onClick={() => onToggle(line.key)}
      >
        <svg width="22" height="8" aria-hidden="true">
          <line
            x1="0"
            x2="22"
            y1="4"
            y2="4"
            stroke={look.colour}
            strokeWidth="3"
            strokeDasharray={look.dash.join(" ")}
          />
        </svg>
        {!vm && line.name}
      </button>
      {vm && <Link {...paths.vm(vm, { tab: "metrics" })}>{line.name}</Link>}
    </span>
  );
}

/** A line that ended says when: its last value is not one of now. */
function Figures({
  summary,
  spec,
  grid,
}: {
  summary: Summary | undefined;
  spec: ChartSpec;
  grid: Grid;
}) {
  if (!summary) return null;
  const { min, avg, max, last, lastRow } = summary;
  const lastAt = lastRow === null ? grid.end : grid.start + lastRow * grid.step * 1000;
  const isOld = grid.end - lastAt > 2 * grid.step * 1000;
  return (
    <>
      {[min, avg, max].map((value, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: three cells in a fixed order
        <td key={index}>{figure(value, spec.unit)}</td>
      ))}
      <td title={isOld ? `nothing was measured after ${clock(lastAt)}` : undefined}>
        {figure(last, spec.unit)}
        {isOld && <small> until {clock(lastAt)}</small>}
      </td>
    </>
  );
}

/** The time of day, and the day where it is another one. */
export function clock(at: number): string {
  const then = new Date(at);
  const time = then.toLocaleTimeString(undefined, { hour12: false });
  const isToday = then.toDateString() === new Date().toDateString();
  const day = then.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return isToday ? time : `${day} ${time}`;
}
