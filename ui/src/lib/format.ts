// How values are written for people. What is unknown is said, never written as 0.

/** What stands where a value is not known. */
export const UNKNOWN = "—";

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units with at most three significant digits: `1.5 GiB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  let unit = 0;
  let amount = value;
  while (Math.abs(amount) >= 1024 && unit < BINARY.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  return `${Number(amount.toFixed(digits))} ${BINARY[unit]}`;
}

const UNITS: Record<string, number> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Reads `10`, `512M`, `1.5 GiB` …; a bare number counts in `defaultUnit`. */
export function parseBytes(text: string, defaultUnit: "" | "M" | "G" = ""): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?\s*$/i.exec(text);
  if (!match) return undefined;
  const unit = (match[2] || defaultUnit).toLowerCase();
  const power = UNITS[unit];
  if (power === undefined) return undefined;
  const value = Math.round(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes as command line tools take them: the largest unit that is exact. */
export function bytesArgument(value: number): string {
  for (const [suffix, power] of [
    ["T", 4],
    ["G", 3],
    ["M", 2],
    ["K", 1],
  ] as const) {
    const size = 1024 ** power;
    if (value >= size && value % size === 0) return `${value / size}${suffix}`;
  }
  return String(value);
}

/** A length of time in its largest unit, rounded down: `5 s`, `3 min`, `2 h`, `4 d`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** How long ago something was, at `now` (milliseconds since 1970). */
export function age(at: string | null | undefined, now: number): string {
  const then = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(then)) return UNKNOWN;
  return duration((now - then) / 1000);
}

/** A time of day and date in the reader's own zone. */
export function localTime(at: string | null | undefined): string {
  const then = at ? new Date(at) : undefined;
  if (!then || Number.isNaN(then.getTime())) return UNKNOWN;
  return then.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Local time and UTC, for a tooltip. */
export function bothTimes(at: string | null | undefined): string {
  const then = at ? new Date(at) : undefined;
  if (!then || Number.isNaN(then.getTime())) return UNKNOWN;
  return `${localTime(at)} (${then.toISOString().replace(/\.\d+Z$/, "Z")})`;
}

/** A whole number in groups of three: `12 345`. */
export function whole(n: number): string {
  return n.toLocaleString("en").replaceAll(",", " ");
}

/** `1 VM`, `2 VMs`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${whole(n)} ${n === 1 ? one : many}`;
}

/** `vm.force_stop` and `needs_attention` as words. */
export function words(identifier: string): string {
  return identifier.replaceAll("_", " ");
}
