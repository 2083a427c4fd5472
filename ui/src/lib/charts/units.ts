// How figures in charts are written. Bytes count by 1024 and say so (KiB);
// everything else counts by 1000 (k).
import { bytes, UNKNOWN } from "../format";

export type Unit =
  | "bytes"
  | "bytes_per_second"
  | "ratio"
  | "per_second"
  | "seconds"
  | "cores"
  | "count";

const LARGE = ["", "k", "M", "G", "T", "P"] as const;
const SMALL = ["", "m", "µ", "n"] as const;

/** At most three significant digits, with the SI prefix that leaves 1 to 999. */
export function si(value: number, unit = ""): string {
  let [amount, power] = [value, 0];
  // 999.5 would be written as 1000.
  while (Math.abs(amount) >= 999.5 && power < LARGE.length - 1) {
    amount /= 1000;
    power += 1;
  }
  const text = `${short(amount)} ${LARGE[power]}${unit}`;
  return text.trimEnd();
}

/** Seconds below one in ms, µs and ns; above, in what people count in. */
export function secondsText(value: number): string {
  const size = Math.abs(value);
  if (size >= 172_800) return `${short(value / 86_400)} d`;
  if (size >= 7_200) return `${short(value / 3_600)} h`;
  if (size >= 120) return `${short(value / 60)} min`;
  if (size >= 0.9995 || size === 0) return `${short(value)} s`;
  let [amount, power] = [value, 0];
  while (Math.abs(amount) < 0.9995 && power < SMALL.length - 1) {
    amount *= 1000;
    power += 1;
  }
  return `${short(amount)} ${SMALL[power]}s`;
}

function short(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** A figure with its unit; what is not known is said. */
export function figure(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  switch (unit) {
    case "bytes":
      return bytes(value);
    case "bytes_per_second":
      // Little is not nothing.
      return value > 0 && value < 0.5 ? "under 1 B/s" : `${bytes(value)}/s`;
    case "ratio":
      return `${short(value * 100)} %`;
    case "per_second":
      return `${si(value)}/s`;
    case "seconds":
      return secondsText(value);
    case "cores":
    case "count":
      return si(value);
  }
}

/** Distances between lines of the scale: round numbers in the unit that is written. */
export function incrementsOf(unit: Unit): number[] | undefined {
  if (unit !== "bytes" && unit !== "bytes_per_second") return undefined;
  const increments: number[] = [];
  for (let power = 0; power <= 6; power += 1) {
    for (const step of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) {
      increments.push(step * 1024 ** power);
    }
  }
  return increments;
}

/** The unit of a metric's own value, from what the catalogue says. */
export function unitOf(catalogued: string): Unit {
  switch (catalogued) {
    case "bytes":
    case "bytes_per_second":
    case "ratio":
    case "seconds":
      return catalogued;
    default:
      return "count";
  }
}
