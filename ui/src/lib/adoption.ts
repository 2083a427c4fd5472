// VMs that were made elsewhere, in words, and what is typed to decide about them. Pure,
// and open to words that this page does not know yet.
import type { AdoptionRequest, AdoptionRisk, VmAdopted } from "../api/types";
import { bothTimes, count, words } from "./format";
import { nameFault } from "./vmDraft";

/** Why a VM is nobody's here. */
const ORIGINS: Record<string, string> = {
  foreign: "It was made elsewhere.",
  lost: "It bears a mark of Hostler's, and no record of it is left here.",
};

export const ORIGIN_WORDS = Object.keys(ORIGINS);

export function originText(origin: string): string {
  return (Object.hasOwn(ORIGINS, origin) ? ORIGINS[origin] : undefined) ?? words(origin);
}

/** What there is to know of a VM, in a few words; undefined where there is nothing. */
export function risksText(
  risks: readonly AdoptionRisk[],
): { text: string; forbids: boolean; details: string } | undefined {
  if (risks.length === 0) return undefined;
  const forbidding = risks.filter(({ forbids }) => forbids).length;
  const all = count(risks.length, "risk");
  return {
    text: forbidding > 0 ? `${all}, ${forbidding} ${forbidding === 1 ? "forbids" : "forbid"}` : all,
    forbids: forbidding > 0,
    details: risks.map(({ detail }) => detail).join("\n"),
  };
}

/** The dialog's fields as they are typed. */
export interface AdoptFields {
  name: string;
  project: string;
  readOnly: boolean;
  reason: string;
}

export type FieldName = "name" | "project" | "reason";
export type FieldFaults = Partial<Record<FieldName, string>>;

/** The longest reason that is kept, in characters. */
const REASON_MAX = 512;
/** Letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 63. */
const PROJECT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function reasonFault(reason: string): string | undefined {
  return [...reason.trim()].length > REASON_MAX ? `At most ${REASON_MAX} characters` : undefined;
}

/** A project that is named has to be one that can be; none is the default one. */
export function projectFault(project: string): string | undefined {
  const given = project.trim();
  if (given === "" || PROJECT.test(given)) return undefined;
  return "At most 63 letters, digits, dots, underscores and hyphens, a letter or digit first";
}

/** What is wrong with what is typed; `own` is the name at the provider, taken where none is given. */
export function adoptFaults(fields: AdoptFields, own: string): FieldFaults {
  const name = nameFault(fields.name.trim() || own);
  const project = projectFault(fields.project);
  const reason = reasonFault(fields.reason);
  return { ...(name && { name }), ...(project && { project }), ...(reason && { reason }) };
}

/** What is asked of the server: only what was given. */
export function adoptRequest(fields: AdoptFields, own: string): AdoptionRequest {
  const name = fields.name.trim();
  const project = fields.project.trim();
  const reason = fields.reason.trim();
  return {
    ...(name && name !== own && { name }),
    ...(project && { project }),
    ...(reason && { reason }),
    read_only: fields.readOnly,
  };
}

/** How a VM came into care: who, when, why. */
export function adoptedText({ by, at, read_only, reason }: VmAdopted): string {
  const how = read_only ? "adopted for reading only" : "adopted";
  return `${how} by ${by}, ${bothTimes(at)}${reason ? `: ${reason}` : ""}`;
}

/** `items` in parts of at most `most`. */
export function inParts<T>(items: readonly T[], most: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < items.length; at += most) parts.push(items.slice(at, at + most));
  return parts;
}
