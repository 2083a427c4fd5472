// A drawn chart with its pointer, its keys and its size; it draws anew only when
// its lines, theme or unit change, and takes new values in place.
import "uplot/dist/uPlot.min.css";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type uPlot from "uplot";
import { type Grid, lengthOf } from "../../lib/charts/grid";
import { figure, type Unit } from "../../lib/charts/units";
import { useTheme } from "../../lib/theme";
import { dataOf, makePlot } from "./drawing";
import { type Band, inkOf, looksOf } from "./look";

interface Props {
  grid: Grid;
  unit: Unit;
  top?: number;
  label: string;
  group: string;
  hidden: ReadonlySet<string>;
  /** Lines with what is between them filled; they look like the first. */
  band?: Band;
  onRow: (row: number | null) => void;
  onLine: (index: number | null) => void;
  onDrawn: (from: number, to: number) => void;
  /** Longer or shorter by this factor, about a time. */
  onScale: (factor: number, around: number) => void;
  onReset: () => void;
}

const HEIGHT = 190;

export function Plot(props: Props) {
  const { grid, unit, top, label, group, hidden } = props;
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [row, setRow] = useState<number>();
  const keys = grid.lines.map(({ key }) => key).join("\n");

  // biome-ignore lint/correctness/useExhaustiveDependencies: `keys` stands for the lines; their values are put in below
  useEffect(() => {
    const at = box.current;
    if (!at) return;
    const made = makePlot(at, {
      unit,
      top,
      group,
      looks: looksOf(latest.current.grid.lines.length, theme, latest.current.band),
      band: latest.current.band,
      ink: inkOf(at),
      size: { width: Math.max(at.clientWidth, 100), height: HEIGHT },
      grid: () => latest.current.grid,
      onRow: (row) => latest.current.onRow(row),
      onLine: (index) => latest.current.onLine(index),
      onDrawn: (from, to) => latest.current.onDrawn(from, to),
    });
    plot.current = made;
    const sizes = new ResizeObserver(() => {
      const width = Math.max(at.clientWidth, 100);
      if (width !== made.width) made.setSize({ width, height: HEIGHT });
    });
    sizes.observe(at);
    return () => {
      sizes.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [keys, unit, top, group, theme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what was drawn anew has to be told again which lines are hidden
  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    made.setData(dataOf(grid));
    for (const [index, line] of grid.lines.entries()) {
      const show = !hidden.has(line.key);
      if (made.series[index + 1]?.show !== show) made.setSeries(index + 1, { show });
    }
  }, [grid, hidden, theme, unit, top, group]);

  const last = lengthOf(grid) - 1;
  const at = Math.min(row ?? last, last);
  const timeAt = grid.start + at * grid.step * 1000;
  const go = (to: number) => {
    const next = Math.max(0, Math.min(last, to));
    setRow(next);
    pointAt(plot.current, next);
  };
  const doing = (key: string, far: number): (() => void) | undefined => {
    switch (key) {
      case "ArrowLeft":
      case "ArrowDown":
        return () => go(at - far);
      case "ArrowRight":
      case "ArrowUp":
        return () => go(at + far);
      case "PageDown":
        return () => go(at - 10);
      case "PageUp":
        return () => go(at + 10);
      case "Home":
        return () => go(0);
      case "End":
        return () => go(last);
      case "+":
      case "=":
        return () => props.onScale(0.5, timeAt);
      case "-":
        return () => props.onScale(2, timeAt);
      case "Escape":
        return props.onReset;
      default:
        return undefined;
    }
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const what = doing(event.key, event.shiftKey ? 10 : 1);
    if (!what) return;
    event.preventDefault();
    what();
  };
  // A range input cannot be drawn over; this one is worked the same way.
  return (
    <div
      ref={box}
      className="plot"
      role="slider"
      tabIndex={0}
      aria-label={`${label}: time`}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={at}
      aria-valuetext={said(grid, at, unit, hidden)}
      onKeyDown={pressed}
      onDoubleClick={props.onReset}
      onBlur={() => {
        setRow(undefined);
        pointAt(plot.current, undefined);
      }}
    />
  );
}

/** Puts the crosshair of this chart, and so of all of its group, to a row. */
function pointAt(plot: uPlot | undefined, row: number | undefined): void {
  const seconds = row === undefined ? undefined : plot?.data[0][row];
  if (!plot) return;
  const left = seconds === undefined ? -10 : plot.valToPos(seconds, "x");
  // The third argument, by which the group is told, is not in uPlot's types.
  const setCursor = plot.setCursor as (at: object, fire: boolean, tell: boolean) => void;
  setCursor({ left, top: seconds === undefined ? -10 : 1 }, true, true);
}

/** As many lines are read out; of more, the table says. */
const SAID = 8;

function said(grid: Grid, row: number, unit: Unit, hidden: ReadonlySet<string>): string {
  const time = new Date(grid.start + row * grid.step * 1000).toLocaleString();
  const shown = grid.lines.filter(({ key }) => !hidden.has(key));
  const values = shown.slice(0, SAID).map(({ name, values }) => {
    const value = values[row];
    return `${name} ${value === null || value === undefined ? "no data" : figure(value, unit)}`;
  });
  const more = shown.length > SAID ? `, and ${shown.length - SAID} more` : "";
  return `${time}: ${values.join(", ")}${more}`;
}
