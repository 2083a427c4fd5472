// One chart as uPlot draws it. Nothing here knows React or Hostler.
import uPlot from "uplot";
import { type Grid, lonelyRows, secondsAt } from "../../lib/charts/grid";
import { figure, incrementsOf, type Unit } from "../../lib/charts/units";
import type { Band, LineLook } from "./look";

export interface PlotOptions {
  unit: Unit;
  top: number | undefined;
  looks: readonly LineLook[];
  /** What is between these two is filled. */
  band?: Band;
  ink: { text: string; grid: string; font: string };
  size: { width: number; height: number };
  /** Charts with the same share their crosshair. */
  group: string;
  /** What is drawn now; asked at every drawing. */
  grid: () => Grid;
  onRow: (row: number | null) => void;
  /** The pointer is near this line, or near none. */
  onLine: (index: number | null) => void;
  /** Between these times (milliseconds) the reader drew. */
  onDrawn: (from: number, to: number) => void;
}

/** Wide enough for `1000 MiB/s`; the same for all, so that charts below each other agree. */
const SCALE_WIDTH = 78;

export function dataOf(grid: Grid): uPlot.AlignedData {
  return [secondsAt(grid), ...grid.lines.map(({ values }) => values as (number | null)[])];
}

export function makePlot(at: HTMLElement, options: PlotOptions): uPlot {
  const { unit, ink, looks, band, group } = options;
  const axis = { stroke: ink.text, font: ink.font, ticks: { show: false } };
  const line = { stroke: ink.grid, width: 1 };
  const increments = incrementsOf(unit);
  return new uPlot(
    {
      ...options.size,
      legend: { show: false },
      focus: { alpha: 0.25 },
      padding: [8, 20, 0, 0],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 16 },
        sync: {
          key: group,
          setSeries: false,
          scales: ["x", null],
          // A time drawn in one chart is taken by the page, not by each chart.
          filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" },
        },
        // Twice clicked would zoom out by uPlot's own idea.
        bind: { dblclick: () => null },
      },
      scales: {
        // The whole range, also where nothing was measured.
        x: { time: true, range: () => [options.grid().start / 1000, options.grid().end / 1000] },
        y: { range: (_plot, min, max) => scaleOf(min, max, options.top) },
      },
      axes: [
        { ...axis, grid: line, space: 70, values: TIME_TEXTS },
        {
          ...axis,
          grid: line,
          size: SCALE_WIDTH,
          space: 36,
          ...(increments ? { incrs: increments } : {}),
          values: (_plot, splits) => splits.map((value) => figure(value, unit)),
        },
      ],
      bands: band
        ? [{ series: [band.high + 1, band.low + 1], fill: `${looks[band.high]?.colour}33` }]
        : [],
      series: [{}, ...looks.map((look) => seriesOf(look, looks.length === 1))],
      hooks: {
        setCursor: [(plot) => options.onRow(plot.cursor.idx ?? null)],
        setSeries: [
          (_plot, index, change) => {
            // Given as it was asked for, which uPlot's types do not say.
            const { focus } = change as { focus?: boolean };
            if (focus !== undefined) options.onLine(index === null ? null : index - 1);
          },
        ],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            const at = (position: number) => plot.posToVal(position, "x") * 1000;
            options.onDrawn(at(left), at(left + width));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    dataOf(options.grid()),
    at,
  );
}

function seriesOf({ colour, dash }: LineLook, isAlone: boolean): uPlot.Series {
  return {
    stroke: colour,
    width: 1.5,
    dash: [...dash],
    ...(isAlone ? { fill: `${colour}22` } : {}),
    // What is missing between two values is a gap.
    spanGaps: false,
    points: {
      size: 4,
      fill: colour,
      // A single value between two gaps has no line to be seen by.
      show: true,
      filter: (plot, index) =>
        lonelyRows((plot.data[index] ?? []) as (number | null | undefined)[]),
    },
  };
}

/** From zero, since every figure here is an amount, to a little above the highest. */
export function scaleOf(
  min: number | null,
  max: number | null,
  top: number | undefined,
): [number, number] {
  const highest = max ?? 0;
  const above = highest > 0 ? highest * 1.05 : 1;
  return [
    Math.min(0, min ?? 0),
    Math.max(top ?? 0, top !== undefined && highest <= top ? top : above),
  ];
}

// Without am and pm, and with the day where it changes.
const TIME_TEXTS: uPlot.Axis.DynamicValues | (string | number | null)[][] = [
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3_600, "{HH}:00", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];
