// What a terminal holds as text: all of it, and where words stand in it.

/** The part of a terminal's buffer that this reads. */
export interface Lines {
  length: number;
  getLine(row: number): { translateToString(trimRight: boolean): string } | undefined;
}

export interface Place {
  row: number;
  column: number;
}

/** Everything the terminal still has, without the empty end. */
export function allText(lines: Lines): string {
  const texts = Array.from({ length: lines.length }, (_, row) => textOf(lines, row));
  return `${texts.join("\n").trimEnd()}\n`;
}

/**
 * The next place of `words` before `from`, going up and from the top on at the end again, as one
 * looks for the latest of a log; without `from`, the last there is. Case does not matter.
 */
export function findUpwards(lines: Lines, words: string, from?: Place): Place | undefined {
  const wanted = words.toLowerCase();
  if (wanted === "") return undefined;
  const places = findAll(lines, wanted);
  const before = places.findLast(
    ({ row, column }) => !from || row < from.row || (row === from.row && column < from.column),
  );
  return before ?? places.at(-1);
}

function findAll(lines: Lines, wanted: string): Place[] {
  const places: Place[] = [];
  for (let row = 0; row < lines.length; row += 1) {
    const text = textOf(lines, row).toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      places.push({ row, column: at });
    }
  }
  return places;
}

function textOf(lines: Lines, row: number): string {
  return lines.getLine(row)?.translateToString(true) ?? "";
}
