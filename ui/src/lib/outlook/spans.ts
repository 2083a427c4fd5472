// Lengths of time ahead, with how sure they are, and how much something rises in a day.
import type { OutlookTrend, TimeToFull } from "../../api/types";
import { figure, type Unit } from "../charts/units";
import type { Horizon } from "../search";

export const HORIZON_TEXT: Record<Horizon, string> = {
  "1d": "1 day",
  "7d": "1 week",
  "30d": "30 days",
  "90d": "90 days",
};

export const HORIZON_SECONDS: Record<Horizon, number> = {
  "1d": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
  "90d": 7_776_000,
};

/** As the server looks when nobody says how far. */
export const DEFAULT_HORIZON: Horizon = "7d";

const ROUND = { down: Math.floor, near: Math.round, up: Math.ceil } as const;

/**
 * A length of time in the unit that leaves two digits or so. The earliest is rounded down and the
 * latest up, so that rounding never makes it surer than it is.
 */
export function span(seconds: number, rounded: keyof typeof ROUND = "near"): string {
  const amount = Math.max(0, seconds);
  const [size, unit] =
    amount < 7_200
      ? ([60, "min"] as const)
      : amount < 172_800
        ? ([3_600, "h"] as const)
        : ([86_400, "d"] as const);
  return `${ROUND[rounded](amount / size)} ${unit}`;
}

/** Seconds from one time to another; undefined where one of them is none. */
export function secondsBetween(
  from: string | null | undefined,
  to: string | null | undefined,
): number | undefined {
  const seconds = (Date.parse(to ?? "") - Date.parse(from ?? "")) / 1000;
  return Number.isNaN(seconds) ? undefined : seconds;
}

export interface Told {
  main: string;
  /** How sure that is. */
  range?: string;
}

/** When something is full, as seen at `now`. */
export function fullText(full: TimeToFull, now: string, horizonSeconds: number): Told {
  const within = span(horizonSeconds);
  const [earliest, likely, latest] = [full.earliest, full.likely, full.latest].map((at) =>
    secondsBetween(now, at),
  );
  switch (full.state) {
    case "full":
      return { main: "full now" };
    case "not_within_horizon":
      return { main: `not within ${within}` };
    case "filling": {
      const main = likely === undefined ? "filling" : `in ${span(likely)}`;
      if (earliest === undefined) return { main };
      if (latest !== undefined) {
        return { main, range: `${span(earliest, "down")} to ${span(latest, "up")}` };
      }
      return {
        main,
        range: `not before ${span(earliest, "down")}, perhaps not within ${within}`,
      };
    }
    default:
      return { main: full.state };
  }
}

/** Shares rise by points: 2 % more of 40 % would be 40.8 %. */
function amount(value: number, unit: Unit): string {
  const text = figure(Math.abs(value), unit);
  return unit === "ratio" ? text.replace(" %", " %-points") : text;
}

/** With its sign, where it is not too little to be seen. */
export function signed(value: number, unit: Unit): string {
  const text = amount(value, unit);
  if (text === amount(0, unit) || text.startsWith("under")) return amount(0, unit);
  return `${value < 0 ? "−" : "+"}${text}`;
}

export interface ToldTrend extends Told {
  range: string;
  /** Whether the range leaves no doubt which way it goes. */
  direction: "up" | "down" | undefined;
}

/** How much it rises in a day. */
export function trendText(trend: OutlookTrend, unit: Unit): ToldTrend {
  const { per_day: likely, per_day_low: low, per_day_high: high } = trend;
  return {
    main: signed(likely, unit),
    range: `${signed(low, unit)} to ${signed(high, unit)}`,
    direction: low > 0 ? "up" : high < 0 ? "down" : undefined,
  };
}
