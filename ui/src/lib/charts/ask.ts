// Charts' questions in PromQL. What they ask for is never carried on beyond a few
// passes, as a plain selector would be for five minutes: when measuring stops, the
// line stops.
import type { metrics } from "../../api/generated/metrics";

export type MetricName = keyof typeof metrics;

/** Seconds between two passes when nobody says otherwise. */
export const USUAL_PACE = 10;

/** Label text in quotes, whatever it holds. */
export function quoted(value: string): string {
  const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return `"${escaped}"`;
}

/** A metric of what has these labels. */
export function select(metric: MetricName, labels: Readonly<Record<string, string>> = {}): string {
  const terms = Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`);
  return terms.length === 0 ? metric : `${metric}{${terms.join(",")}}`;
}

/** A metric of any of these VMs; ids hold nothing that a pattern could mean. */
export function ofVms(metric: MetricName, ids: readonly string[]): string {
  return `${metric}{vm_id=~${quoted(ids.join("|"))}}`;
}

/** How questions are asked at a step. */
export interface Asking {
  /** A value as it was measured; its mean where a step holds several. */
  gauge: (selector: string) => string;
  /** What a counter grew by in a second. */
  rate: (selector: string) => string;
}

/** `step` from one time to the next, `pace` between two passes, in seconds. */
export function asking(step: number, pace: number): Asking {
  // Two passes may be missed, or late, before a line stops.
  const few = Math.ceil(3 * pace);
  const window = Math.max(step, Math.ceil(4 * pace));
  return {
    gauge: (selector) =>
      step < few ? `last_over_time(${selector}[${few}s])` : `avg_over_time(${selector}[${step}s])`,
    // Over a window that the first samples only begin to fill, a rate would climb from nothing.
    rate: (selector) => `${step < few ? "irate" : "rate"}(${selector}[${window}s])`,
  };
}

/** How many of the last times to ask for again: samples arrive late, and windows reach back. */
export function overlapOf(step: number, pace: number): number {
  return Math.ceil((4 * pace) / step) + 2;
}
