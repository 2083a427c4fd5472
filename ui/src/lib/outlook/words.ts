// An outlook in the reader's words: what is looked at, what there is no answer to, and
// why. The server's own words stand where it says more than a code can.
import type { OutlookMissing, OutlookResource } from "../../api/types";
import { figure, type Unit } from "../charts/units";
import { words } from "../format";
import { span } from "./spans";

const RESOURCES: Record<string, string> = {
  cpu: "Processors",
  cpu_delay: "Waiting for the host",
  memory: "Memory",
  filesystem: "File system",
  disk_read: "Disk reads",
  disk_written: "Disk writes",
  network_received: "Network received",
  network_sent: "Network sent",
  memory_assigned: "Memory given to VMs",
  vcpus_assigned: "vCPUs given to VMs",
  pressure_cpu: "Pressure on processors",
  pressure_memory: "Pressure on memory",
  pressure_io: "Pressure on disks",
  pool: "Space",
};

/** The text of a known word; the word itself where the server is newer than this page. */
function wordOf(texts: Readonly<Record<string, string>>, word: string): string {
  return (Object.hasOwn(texts, word) ? texts[word] : undefined) ?? words(word);
}

/** A resource with what tells it from others: `File system /var`. */
export function nameOf({ resource, labels = {} }: OutlookResource): string {
  const which = labels.mountpoint ?? Object.values(labels).join(" ");
  return [wordOf(RESOURCES, resource), which].filter(Boolean).join(" ");
}

/** Tells resources of one outlook apart. */
export function keyOf({ resource, labels = {} }: OutlookResource): string {
  return `${resource} ${JSON.stringify(labels)}`;
}

/** Whether it is full now: that is measured, and needs no history. */
export function isFull({ recent, limit, time_to_full: full }: OutlookResource): boolean {
  const isMeasured = typeof recent === "number" && typeof limit === "number" && limit > 0;
  return full?.state === "full" || (isMeasured && recent >= limit);
}

/** How much of the limit is in use; all of it only where it is full, however little is left. */
export function shareText(used: number, limit: number): string {
  const share = (used / limit) * 100;
  if (used >= limit || share < 99) return `${Math.round(share)} %`;
  return `${Math.min(99.9, Math.floor(share * 10) / 10)} %`;
}

export function unitOf(told: string): Unit {
  switch (told) {
    case "ratio":
    case "bytes":
    case "bytes_per_second":
      return told;
    case "count_per_second":
      return "per_second";
    default:
      return "count";
  }
}

const ANSWERS: Record<string, string> = {
  trend: "Trend",
  time_to_full: "Time to full",
  back_test: "How good the time to full was on the past",
  forecast: "Forecast",
  "anomalies.hour_of_day": "Unusual for the hour",
  "anomalies.level": "Change of level",
  sizing: "Size",
};

/** What it is that there is no answer to. */
export function answerText(of: string): string {
  return wordOf(ANSWERS, of);
}

const SHORT: Record<string, string> = {
  not_enough_data: "not enough data",
  scattered: "scatters too much",
  turned: "turned lately",
  constant: "never changed",
  no_model: "not foreseeable",
  not_measured: "not measured",
  stale: "not measured lately",
  returned: "measured again only lately",
  no_limit: "limit not known",
  not_read: "not read",
};

/** Why there is no answer, for a cell of a table. */
export function shortWhy({ why }: OutlookMissing): string {
  return wordOf(SHORT, why);
}

/**
 * Why there is no answer, in a sentence's part. `step`: seconds from one value to the next, where
 * the answer was to be made of such.
 */
export function whyText(missing: OutlookMissing, unit: Unit, step?: number): string {
  const { why, have, need } = missing;
  const isCounted = typeof have === "number" && typeof need === "number";
  switch (why) {
    case "not_enough_data":
      return isCounted ? lacking(have, need, missing.unit, step) : missing.reason;
    case "scattered":
      return "the values scatter too much to show a direction";
    case "turned":
      return "the newest values have left the line of those before, and are too few for a new one";
    case "constant":
      return "the values never changed, so nothing can be called unusual";
    case "no_model":
      return isCounted
        ? `on the past the best way was off by ${figure(have, unit)}, and to expect no change by ` +
            `${figure(need, unit)}: ${unforeseen(have, need)}`
        : "on the past nothing was better than to expect no change: it cannot be foreseen";
    default:
      // Who would have measured it, and when it last was, only the server knows.
      return missing.reason;
  }
}

/** What is told has to be a tenth better on the past than to expect no change. */
const BETTER = 0.9;

function unforeseen(error: number, naive: number): string {
  if (error >= naive) return "it cannot be foreseen";
  return error > naive * BETTER
    ? "that is better, but by less than a tenth"
    : "that is better, but cannot be carried on from now";
}

function lacking(have: number, need: number, unit?: string | null, step?: number): string {
  switch (unit) {
    case "values": {
      const each = step ? `, each the mean of ${stepText(step)}` : "";
      return `${have} of at least ${need} values are there${each}`;
    }
    case "seconds":
      return `the history reaches back ${span(have, "down")}, and at least ${span(need, "up")} are needed`;
    case "ratio":
      return `${percent(have)} of the time was measured, and at least ${percent(need)} are needed`;
    default:
      return `${have} of at least ${need} are there`;
  }
}

/** Never rounded up to what is needed. */
function percent(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10} %`;
}

/** The time that a value is the mean of. */
export function stepText(seconds: number): string {
  if (seconds === 3600) return "an hour";
  if (seconds % 3600 === 0) return `${seconds / 3600} hours`;
  if (seconds % 60 === 0) return `${seconds / 60} minutes`;
  return `${seconds} seconds`;
}

const MODELS: Record<string, string> = {
  line: "goes on along a line",
  day_ago: "as on the day before",
  day: "the usual day, along a line",
  week_ago: "as in the week before",
  week: "the usual week, along a line",
};

/** How a forecast is made. */
export function modelText(model: string): string {
  return wordOf(MODELS, model);
}

/** What has a size. */
export function sizeText(of: string): string {
  return wordOf({ cpu_count: "vCPUs", memory_bytes: "Memory" }, of);
}

/** With a capital, and a full stop. */
export function sentence(text: string): string {
  const ended = /[.?!]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}

const FIGURES: Record<string, string> = {
  cpu_usage: "vCPUs in use",
  cpu_delay: "waiting for the host",
  memory_used: "memory in use",
  swap_in: "read back from swap",
  major_faults: "page faults that read from disk",
};

/** What a size goes by. */
export function sizeFigureText(name: string): string {
  return wordOf(FIGURES, name);
}
