// Templates in words and in requests: what a form sends of what was typed into it. What is a good
// value is the server's word; here only what was left empty is not sent.
import type { Turn } from "../api/templates";
import type { ClusterUpgrade, Template, TemplateParameter } from "../api/types";

/** What was typed, by the name of the parameter. */
export type Typed = Readonly<Record<string, string>>;

/** The values that are sent: the server reads texts by their parameters' kinds. */
export function valuesOf(
  parameters: readonly TemplateParameter[],
  typed: Typed,
): Record<string, string> {
  const given = parameters.map(({ name }) => [name, typed[name] ?? ""] as const);
  return Object.fromEntries(given.filter(([, text]) => text !== ""));
}

/** Parameters that have to be filled in and are not. */
export function missingOf(parameters: readonly TemplateParameter[], typed: Typed): string[] {
  const isMissing = ({ name, required, default: fallback }: TemplateParameter) =>
    required === true && fallback == null && (typed[name] ?? "") === "";
  return parameters.filter(isMissing).map(({ name }) => name);
}

/** How a default is shown; nothing where there is none. */
export function defaultText({ default: fallback }: TemplateParameter): string {
  if (fallback == null) return "";
  return typeof fallback === "string" ? fallback : JSON.stringify(fallback);
}

/** What can be done to a version of this state; the server has the last word. */
export function turnsOf(state: string): Turn[] {
  switch (state) {
    case "draft":
      return ["activate", "archive"];
    case "active":
      return ["deprecate", "archive"];
    case "deprecated":
      return ["activate", "archive"];
    default:
      return [];
  }
}

/** Whether VMs can be made from a version of this state. */
export function isDeployable(state: string): boolean {
  return state === "active" || state === "deprecated";
}

/** The version that is shown where the URL names none: the default one, else the newest. */
export function shownVersion({ default_version, versions }: Template): number | undefined {
  return default_version ?? versions.at(-1)?.number;
}

/** Which of what is lacking a newer version of the cluster's product would turn on. */
export function helpedBy(
  lacking: readonly { name: string; kind: string }[],
  upgrades: readonly ClusterUpgrade[],
): { version: string; names: string[] }[] {
  const names = new Set(lacking.filter(({ kind }) => kind === "feature").map(({ name }) => name));
  const helped = upgrades.map(({ version, changes }) => ({
    version,
    names: changes.filter((it) => it.turns_on && names.has(it.name)).map(({ name }) => name),
  }));
  return helped.filter((one) => one.names.length > 0);
}
