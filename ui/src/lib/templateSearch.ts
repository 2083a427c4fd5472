// Reads the search part of the URL of a template.
import type { RawSearch } from "./search";

export interface TemplateSearch {
  /** Which version is shown; the one that is deployed where not given. */
  version?: number;
}

export function templateSearch(raw: RawSearch): TemplateSearch {
  const version = Number(raw.version);
  return Number.isInteger(version) && version > 0 ? { version } : {};
}
