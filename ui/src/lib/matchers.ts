// Matchers of silences as the server reads them, so that a dialog can show which
// alerts a silence would be about before there is one. What this page cannot read it
// does not guess: the server judges, and its refusal names the fault.

export type Labels = Readonly<Record<string, string>>;

type Fits = (labels: Labels) => boolean;

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const SHAPE = /^([^=!]*)(=~|!~|!=|=)([\s\S]*)$/;

/** The matcher of exactly this value. */
export function equalMatcher(name: string, value: string): string {
  const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return `${name}="${escaped}"`;
}

/** Whether an alert with given labels fits; undefined where the text cannot be read here. */
export function matcherOf(text: string): Fits | undefined {
  const [, name = "", sign = "", rest = ""] = SHAPE.exec(text) ?? [];
  const label = name.trim();
  const value = unquoted(rest.trim());
  if (!NAME.test(label) || value === undefined) return undefined;
  // A label that is not there is empty.
  const of = (labels: Labels) => (Object.hasOwn(labels, label) ? (labels[label] ?? "") : "");
  if (sign === "=") return (labels) => of(labels) === value;
  if (sign === "!=") return (labels) => of(labels) !== value;
  const pattern = patternOf(value);
  if (!pattern) return undefined;
  return sign === "=~"
    ? (labels) => pattern.test(of(labels))
    : (labels) => !pattern.test(of(labels));
}

/** For the whole value; undefined for what only the server's regular expressions know. */
function patternOf(text: string): RegExp | undefined {
  try {
    // Alone first: `)|(` would be sound within the group.
    new RegExp(text, "su");
    return new RegExp(`^(?:${text})$`, "su");
  } catch {
    return undefined;
  }
}

function unquoted(text: string): string | undefined {
  if (!text.startsWith('"')) return text.includes('"') ? undefined : text;
  const inner = /^"((?:[^"\\]|\\[\s\S])*)"$/.exec(text)?.[1];
  return inner?.replace(/\\([\s\S])/g, (all, escaped: string) =>
    // A pattern's own escape stays one.
    escaped === "n" ? "\n" : escaped === '"' || escaped === "\\" ? escaped : all,
  );
}

/** The lines of a field, each a matcher. */
export function matcherLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Those that fit all matchers; undefined where one of them cannot be read here. */
export function fitting<T extends { labels: Labels }>(
  things: readonly T[],
  matchers: readonly string[],
): T[] | undefined {
  const read = matchers.map(matcherOf);
  if (read.some((fits) => fits === undefined)) return undefined;
  return things.filter(({ labels }) => read.every((fits) => fits?.(labels)));
}
