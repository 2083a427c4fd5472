// Which time a chart shows and how finely. Times are aligned to the step, so that
// the same question is the same text, and a live chart moves by whole steps.

/** Lengths of time up to now that are offered. */
export const SPANS = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;
export type Span = (typeof SPANS)[number];

export const SPAN_TEXT: Record<Span, string> = {
  "15m": "15 minutes",
  "1h": "1 hour",
  "6h": "6 hours",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
};

const SECONDS: Record<Span, number> = {
  "15m": 900,
  "1h": 3_600,
  "6h": 21_600,
  "24h": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
};

/** Short enough for a first look to have something in it. */
export const DEFAULT_SPAN: Span = "15m";

/** What the reader asked to see: the last seconds, or between two times (milliseconds since 1970). */
export type Range =
  | { kind: "last"; seconds: number }
  | { kind: "between"; from: number; to: number };

/** The times a chart asks for: every `step` seconds from `start` to `end`, in milliseconds. */
export interface Times {
  start: number;
  end: number;
  step: number;
}

/** Steps whose multiples fall on times that people know. */
const STEPS = [
  5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
];

/** As many times as a wide chart has room for. */
const TIMES_MAX = 360;
/** Nothing is measured more often than this when nobody says otherwise. */
const STEP_MIN = 10;

/** The finest step by which `seconds` have no more times than a chart has room for. */
export function stepFor(seconds: number): number {
  const wanted = seconds / TIMES_MAX;
  const found = STEPS.find((step) => step >= STEP_MIN && step >= wanted);
  // Longer than anything is kept, and still an answer.
  return found ?? Math.ceil(wanted / 86_400) * 86_400;
}

/** Seconds between two looks where the live stream tells when there is something to read. */
const FED_SECONDS = 60;

/**
 * Seconds between two reads of a chart of the present: it moves by a step, and is read no more often
 * than it is measured, or than it is told to.
 */
export function readEvery(step: number, isFed: boolean): number {
  return Math.max(isFed ? FED_SECONDS : STEP_MIN, step);
}

export function secondsOf(range: Range): number {
  return range.kind === "last" ? range.seconds : Math.max(1, (range.to - range.from) / 1000);
}

/** The times of a range when it is `now`. */
export function timesOf(range: Range, now: number): Times {
  const step = stepFor(secondsOf(range));
  const ms = step * 1000;
  const down = (at: number) => Math.floor(at / ms) * ms;
  if (range.kind === "last") {
    const end = down(now);
    return { start: end - Math.ceil((range.seconds * 1000) / ms) * ms, end, step };
  }
  // What has not come yet was not measured.
  const end = Math.max(down(range.from) + ms, Math.min(Math.ceil(range.to / ms) * ms, down(now)));
  return { start: down(range.from), end, step };
}

/** What the URL says about time. */
export interface RangeSearch {
  range?: Span;
  /** Between two times, as `2026-11-21T08:00:00Z`; both or none. */
  from?: string;
  to?: string;
  /** Said only when the charts stand still. */
  live?: false;
}

/** Reads it; what is none is left out. */
export function rangeSearch(raw: Record<string, unknown>): RangeSearch {
  const [from, to] = [instant(raw.from), instant(raw.to)];
  const isRange = from !== undefined && to !== undefined && Date.parse(from) < Date.parse(to);
  return {
    range: SPANS.find((span) => span === raw.range),
    from: isRange ? from : undefined,
    to: isRange ? to : undefined,
    live: raw.live === false ? false : undefined,
  };
}

function instant(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const at = Date.parse(value);
  // Outside of these no date has an ISO form of four digits.
  return at >= 0 && at < 253_402_300_800_000 ? instantText(at) : undefined;
}

/** A time as the URL and the API have it, to the second. */
export function instantText(at: number): string {
  return new Date(Math.round(at / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

export function rangeOf(search: RangeSearch): Range {
  if (search.from !== undefined && search.to !== undefined) {
    return { kind: "between", from: Date.parse(search.from), to: Date.parse(search.to) };
  }
  return { kind: "last", seconds: SECONDS[search.range ?? DEFAULT_SPAN] };
}

/** Whether the charts follow the present. */
export function isLive(search: RangeSearch): boolean {
  return search.live !== false && search.from === undefined;
}

/** Zooming in stops where there is nothing between two samples. */
const ZOOM_MIN_MS = 60_000;

/** The range between two times of a chart, however they were drawn. */
export function zoomed(one: number, other: number): RangeSearch {
  const [from, to] = one < other ? [one, other] : [other, one];
  const missing = Math.max(0, ZOOM_MIN_MS - (to - from)) / 2;
  return { from: instantText(from - missing), to: instantText(to + missing) };
}

/** `factor` times as long, with the time `around` where it was, and no part of the future. */
export function scaled(times: Times, factor: number, around: number, now: number): RangeSearch {
  const length = (times.end - times.start) * factor;
  const share = (around - times.start) / Math.max(1, times.end - times.start);
  const to = Math.min(around + length * (1 - share), now);
  return zoomed(to - length, to);
}
