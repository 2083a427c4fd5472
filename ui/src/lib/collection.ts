// How collecting goes, in the reader's words: what agents and outputs say of
// themselves. What nobody told stays untold.
import type { Agent, CustomSeries, OutputStatus } from "../api/types";
import { count, duration, UNKNOWN } from "./format";

export type AgentSource = Agent["sources"][number];

export interface SourceHealth {
  source: string;
  /** `ok`, `fails`, `waits` for its first pass; `unheard`: its agent is not heard, nobody knows. */
  health: "ok" | "fails" | "waits" | "unheard";
  /** Why the last pass that failed did. */
  failure?: string;
}

const WORST_FIRST: readonly SourceHealth["health"][] = ["fails", "waits", "unheard", "ok"];

/** Each source once, with the worst that any of its passes says; the worst source first. */
export function sourcesOf({ state, sources }: Pick<Agent, "state" | "sources">): SourceHealth[] {
  const found = new Map<string, SourceHealth>();
  for (const { source, failure, age_seconds: age } of sources) {
    const before = found.get(source);
    if (failure && before?.health !== "fails") {
      found.set(source, { source, health: "fails", failure });
    } else if (age == null && before?.health !== "fails") {
      found.set(source, { source, health: "waits" });
    } else if (!before) {
      found.set(source, { source, health: "ok" });
    }
  }
  const all = [...found.values()];
  if (state !== "ok") return all.map(({ source }) => ({ source, health: "unheard" }));
  const rank = ({ health }: SourceHealth) => WORST_FIRST.indexOf(health);
  return all.toSorted((one, other) => rank(one) - rank(other));
}

/** Whether this server measures its own machine, and nobody measures another. */
export function isAlone(agents: readonly Pick<Agent, "kind">[]): boolean {
  return agents.length > 0 && agents.every(({ kind }) => kind === "own");
}

/** When a pass last succeeded. */
export function passAge({ age_seconds: age }: AgentSource): string {
  return age == null ? "never" : `${duration(age)} ago`;
}

/** How much of what an agent said was not taken, of all reasons. */
export function leftOut({ left_out: reasons }: Pick<Agent, "left_out">): number {
  return Object.values(reasons).reduce((sum, each) => sum + each, 0);
}

/** How far an agent's clock is off: that is what makes its times wrong. */
export function clockText(ahead: number | null | undefined): string {
  if (ahead == null) return UNKNOWN;
  if (Math.abs(ahead) < 1) return "less than a second off";
  return `${duration(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`;
}

type Lost = Exclude<keyof OutputStatus["dropped"], "unsupported">;

const LOST_TEXT: Record<Lost, string> = {
  full: "no room was left in the queue, the oldest went first",
  old: "waited too long",
  disk: "the disk did not take them",
  refused: "refused by the output for good",
};

/**
 * Samples that should have arrived and will not, and why, most first. What its protocol cannot tell
 * is none of them.
 */
export function lostOf({ dropped }: Pick<OutputStatus, "dropped">): {
  total: number;
  reasons: { reason: string; text: string; samples: number }[];
} {
  const { unsupported: _, ...lost } = dropped;
  const all = Object.entries(lost).map(([reason, samples]) => ({
    reason,
    text: Object.hasOwn(LOST_TEXT, reason) ? LOST_TEXT[reason as Lost] : reason,
    samples,
  }));
  return {
    total: all.reduce((sum, { samples }) => sum + samples, 0),
    reasons: all
      .filter(({ samples }) => samples > 0)
      .toSorted((one, other) => other.samples - one.samples),
  };
}

/** What waits: `449, since 27 s`. */
export function waitingText({ waiting }: Pick<OutputStatus, "waiting">): string {
  const { samples, oldest_age_seconds: age } = waiting;
  if (samples === 0) return "nothing";
  const many = count(samples, "sample");
  return age == null ? many : `${many}, for ${duration(age)}`;
}

/** What tells a series from all others. */
export function seriesId({ name, labels, vm, host }: CustomSeries): string {
  return JSON.stringify([name, vm?.id, host?.id, Object.entries(labels).toSorted()]);
}

/** `job=nightly, site=north`. */
export function labelsText({ labels }: Pick<CustomSeries, "labels">): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return all.length === 0 ? "none" : all.join(", ");
}
