// Tables as CSV (RFC 4180), safe to open in a spreadsheet.

/** What a cell holds; what is not known is an empty cell. */
export type Cell = string | number | boolean | null | undefined;

/** A spreadsheet takes these at the beginning of a cell for a formula, which a VM's name may be. */
const FORMULA = /^[=+\-@\t\r]/;

export function toCsv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((cells) => `${cells.map(cellText).join(",")}\r\n`).join("");
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell !== "string") return String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
