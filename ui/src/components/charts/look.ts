// Colours and dashes of lines. Colour never says anything alone: beyond the first few
// lines dashes differ, and the legend names the line under the pointer.
import type { Theme } from "../../lib/theme";

/** Lines of a chart by their index. */
export interface Band {
  high: number;
  low: number;
}

/** At least 3:1 against the page in their theme. */
const COLOURS: Record<Theme, readonly string[]> = {
  light: ["#0066cc", "#b1380b", "#147878", "#5e40be", "#8a6100", "#3d7317", "#a2185a", "#5c6166"],
  dark: ["#92c5f9", "#f8ae54", "#63bdbd", "#b6a6e9", "#e0b000", "#87bb62", "#f298bd", "#c7c7c7"],
};

const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [14, 4], [4, 6]];

export interface LineLook {
  colour: string;
  dash: readonly number[];
}

export function lookOf(index: number, theme: Theme): LineLook {
  const colours = COLOURS[theme];
  return {
    colour: colours[index % colours.length] ?? "currentColor",
    dash: DASHES[Math.floor(index / colours.length) % DASHES.length] ?? [],
  };
}

/** Of all lines of a chart; the edges of a band have the first one's colour, and other lines are dashed. */
export function looksOf(count: number, theme: Theme, band?: Band): LineLook[] {
  const isEdge = (index: number) => index === band?.high || index === band?.low;
  return Array.from({ length: count }, (_, index) => {
    if (isEdge(index)) return { ...lookOf(0, theme), dash: [2, 3] };
    return band && index > 0 ? { ...lookOf(index, theme), dash: [9, 4] } : lookOf(index, theme);
  });
}

/** What is not a line: text and grid, as the page has them now. */
export function inkOf(element: Element): { text: string; grid: string; font: string } {
  const style = getComputedStyle(element);
  return {
    text: style.getPropertyValue("--subtle").trim() || style.color,
    grid: style.getPropertyValue("--line").trim() || style.color,
    font: `12px ${style.fontFamily}`,
  };
}
