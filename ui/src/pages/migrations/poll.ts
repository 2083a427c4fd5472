// How tables of migrations are read and told apart.
import type { Migration } from "../../api/types";

/** How far one is no event tells, nor what others asked for; in milliseconds. */
export const MIGRATIONS_POLL_MS = 10_000;

/** Providers name theirs by themselves, so that two may have one name. */
export function idOf({ provider, id }: Migration): string {
  return `${provider.id} ${id}`;
}
