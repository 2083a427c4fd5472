// What an outlook has no answer to, said once for all that lack it for the same reason.
import type { Outlook, OutlookMissing } from "../../api/types";
import { answerText, nameOf, unitOf, whyText } from "./words";

export interface Lack {
  /** Which answers. */
  answers: string[];
  /** Of which resources. */
  of: string[];
  why: string;
  /** How much there is of what is needed; absent where more data would not help, or is not counted. */
  progress?: { have: number; need: number };
}

/** Answers that are made of the values that a resource's history counts. */
const BY_STEPS: readonly string[] = ["trend", "time_to_full", "forecast", "back_test"];

/**
 * All that is missing of resources. Exact: each answer of a line is missing of each resource of it, for that
 * reason.
 */
export function lacksOf(outlook: Outlook): Lack[] {
  const byReason = new Map<string, Lack>();
  const add = (missing: OutlookMissing, name: string, why: string) => {
    const answer = answerText(missing.of);
    const key = JSON.stringify([answer, why]);
    const lack = byReason.get(key) ?? { answers: [answer], of: [], why, ...progressOf(missing) };
    lack.of.push(name);
    byReason.set(key, lack);
  };
  for (const resource of outlook.resources) {
    for (const missing of resource.missing) {
      const step = BY_STEPS.includes(missing.of) ? resource.history.step_seconds : undefined;
      add(missing, nameOf(resource), whyText(missing, unitOf(resource.unit), step));
    }
  }
  return joined([...byReason.values()]);
}

/** Lines of the same resources with the same reason are one. */
function joined(lacks: readonly Lack[]): Lack[] {
  const byResources = new Map<string, Lack>();
  for (const lack of lacks) {
    const key = JSON.stringify([lack.of, lack.why]);
    const known = byResources.get(key);
    if (known) known.answers.push(...lack.answers);
    else byResources.set(key, lack);
  }
  return [...byResources.values()];
}

function progressOf({ why, have, need }: OutlookMissing): Pick<Lack, "progress"> {
  const isCounted =
    why === "not_enough_data" && typeof have === "number" && typeof need === "number";
  return isCounted && need > 0 ? { progress: { have: Math.min(have, need), need } } : {};
}

/** Whether it may well be there: it took too much to be read. */
export function isUnread({ why }: OutlookMissing): boolean {
  return why === "not_read";
}

/** Reasons that come of nothing being measured, now or ever. */
const UNMEASURED: readonly string[] = ["not_measured", "stale", "no_limit"];

/**
 * Why nothing at all is told but what is so now: there is too little history, it was not all read,
 * nothing was measured lately, or what there is carries no answer. Undefined where something is told.
 */
export function quietReason(
  outlook: Outlook,
): "young" | "unread" | "unmeasured" | "unclear" | undefined {
  if (!tellsNothing(outlook)) return undefined;
  const lacks = outlook.resources.flatMap(({ missing }) => missing);
  const whys = lacks.map(({ why }) => why);
  if (whys.includes("not_enough_data")) return "young";
  if (lacks.some(isUnread)) return "unread";
  return whys.every((why) => UNMEASURED.includes(why)) ? "unmeasured" : "unclear";
}

function tellsNothing({ resources, sizing }: Outlook): boolean {
  const tells = resources.some(
    ({ trend, time_to_full: full, forecast, anomalies }) =>
      trend || full || forecast || anomalies.length > 0,
  );
  return !tells && sizing.every(({ verdict }) => verdict === "unknown");
}

/** Resources of which it could be told in each way that there is nothing unusual, and so it is. */
export function usualOf({ resources }: Outlook): string[] {
  return resources
    .filter(({ anomalies, missing }) => {
      const isBlind = missing.some(({ of }) => of.startsWith("anomalies."));
      return anomalies.length === 0 && !isBlind;
    })
    .map(nameOf);
}
