// What alerts look like to people: who cares for one, how grave it is, and where its
// runbook is. Pure, and open to words that this page does not know yet.
import type { Tone } from "./tone";

interface Cared {
  state: string;
  acknowledged?: object | null;
  silenced_by: readonly string[];
  inhibited_by?: string | null;
}

/** What keeps an alert from being sent, the strongest first; undefined: nothing does. */
export function careOf(alert: Cared): "acknowledged" | "silenced" | "inhibited" | undefined {
  if (alert.acknowledged) return "acknowledged";
  if (alert.silenced_by.length > 0) return "silenced";
  return alert.inhibited_by ? "inhibited" : undefined;
}

/** One that fires and that nobody cares for is bad; all else is to be known. */
export function alertTone(alert: Cared): Tone {
  if (alert.state === "pending") return "moving";
  if (alert.state !== "firing") return "unknown";
  return careOf(alert) ? "held" : "bad";
}

const SEVERITIES: Record<string, Tone> = { critical: "bad", warning: "held", info: "moving" };

/** A severity is any text that a rule gives. */
export function severityTone(severity: string | null | undefined): Tone {
  if (!severity) return "unknown";
  return Object.hasOwn(SEVERITIES, severity) ? (SEVERITIES[severity] ?? "unknown") : "unknown";
}

/** A runbook that can be followed; a rule may say anything, and only the web is a link. */
export function runbookLink(url: string | null | undefined): string | undefined {
  return url && /^https?:\/\/[^\s]+$/i.test(url) ? url : undefined;
}

/** Facets of who cares, as the server's filter has them. */
export const CARES: Readonly<Record<string, { text: string; filter: string }>> = {
  nobody: {
    text: "nobody",
    filter: "acknowledged=false AND silenced=false AND inhibited=false",
  },
  acknowledged: { text: "acknowledged", filter: "acknowledged=true" },
  silenced: { text: "silenced", filter: "silenced=true" },
  inhibited: { text: "inhibited", filter: "inhibited=true" },
};

/** The filter of a facet that a URL names; none for a word that is none. */
export function careFilter(care: string | undefined): string | undefined {
  return care !== undefined && Object.hasOwn(CARES, care) ? CARES[care]?.filter : undefined;
}

/** What happened to an alert, and why it is over. */
export function changeText(change: string, cause: string | null | undefined): string {
  if (change !== "resolved") return change.replaceAll("_", " ");
  switch (cause) {
    case "no_data":
      return "ended: no data";
    case "rule_gone":
      return "ended with its rule";
    default:
      return "over";
  }
}

const CHANGES: Record<string, Tone> = {
  fired: "bad",
  resolved: "good",
  acknowledged: "held",
  unacknowledged: "moving",
};

/** That nobody knows any more is no good news. */
export function changeTone(change: string, cause: string | null | undefined): Tone {
  if (change === "resolved" && cause && cause !== "over") return "unknown";
  return Object.hasOwn(CHANGES, change) ? (CHANGES[change] ?? "unknown") : "unknown";
}

/** How long a silence may be in one choice, in seconds. */
export const SILENCE_TIMES: readonly { text: string; seconds: number }[] = [
  { text: "1 hour", seconds: 3_600 },
  { text: "4 hours", seconds: 14_400 },
  { text: "1 day", seconds: 86_400 },
  { text: "3 days", seconds: 259_200 },
  { text: "1 week", seconds: 604_800 },
];

/** The thing that an alert is about, by its labels. */
export function subjectOf(labels: Readonly<Record<string, string>>): string {
  for (const name of ["vm", "pool", "host", "provider", "instance"]) {
    const value = labels[name];
    if (value) return `${name} ${value}`;
  }
  return "";
}

/** The id of the VM that an alert is about; other labels are names, which lead to no page. */
export function vmOf(labels: Readonly<Record<string, string>>): string | undefined {
  return labels.vm_id || undefined;
}

const SAID = new Set(["alertname", "severity", "simulated", "__name__"]);

/** Labels for people: those that say more than the name and the severity do. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([name]) => !SAID.has(name) && !(name === "vm_id" && labels.vm))
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}
