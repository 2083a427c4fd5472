// Builds the server's filter from facets of the URL. The server's language is
// `field=value` joined by AND; a value that could be read as anything else is
// quoted, and `*` of a value is the language's glob, so names pass unharmed.

/** One condition: a field and the value it has to have. */
export interface Facet {
  field: string;
  value: string | undefined;
}

const BARE = /^[A-Za-z0-9_.:/@+-]+$/;

/** A value as the language reads it back. */
export function quote(value: string): string {
  if (BARE.test(value)) return value;
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The filter for these facets and the user's own expression; undefined for none. */
export function buildFilter(facets: Facet[], expression?: string): string | undefined {
  const terms = facets
    .filter((facet) => facet.value !== undefined && facet.value !== "")
    .map((facet) => `${facet.field}=${quote(facet.value ?? "")}`);
  const own = expression?.trim();
  if (own) terms.push(own);
  return terms.length > 0 ? terms.join(" AND ") : undefined;
}

/** `tier=web` as a facet on the label `tier`; undefined when it is not of that form. */
export function labelFacet(text: string | undefined): Facet | undefined {
  const at = text?.indexOf("=") ?? -1;
  if (!text || at < 1) return undefined;
  return { field: `label.${text.slice(0, at)}`, value: text.slice(at + 1) };
}

/** A sort order: a field, and whether it runs downwards. */
export interface Sort {
  field: string;
  descending: boolean;
}

export function parseSort(text: string | undefined): Sort | undefined {
  if (!text) return undefined;
  return text.startsWith("-")
    ? { field: text.slice(1), descending: true }
    : { field: text, descending: false };
}

export function sortText(sort: Sort): string {
  return `${sort.descending ? "-" : ""}${sort.field}`;
}
