// Writes JSON values the way people read them. For showing only: nothing reads
// it back, but it is real YAML all the same, so that it can be pasted.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** `value` as a YAML document. */
export function yaml(value: unknown): string {
  return `${lines(value as Json, "").join("\n")}\n`;
}

function lines(value: Json, indent: string): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}[]`];
    return value.flatMap((item) => {
      const inner = lines(item, `${indent}  `);
      const [first = "", ...rest] = inner;
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (entries.length === 0) return [`${indent}{}`];
    return entries.flatMap(([key, item]) => field(scalar(key), item as Json, indent));
  }
  if (typeof value === "string" && value.includes("\n"))
    return [`${indent}${JSON.stringify(value)}`];
  return [`${indent}${scalar(value)}`];
}

function field(key: string, value: Json, indent: string): string[] {
  const empty = value === null || typeof value !== "object" || Object.keys(value).length === 0;
  if (typeof value === "string" && isBlock(value)) {
    const block = value.endsWith("\n") ? "|" : "|-";
    const text = value.replace(/\n$/, "").split("\n");
    return [`${indent}${key}: ${block}`, ...text.map((line) => (line ? `${indent}  ${line}` : ""))];
  }
  if (empty) return [`${indent}${key}: ${lines(value, "")[0]}`];
  return [`${indent}${key}:`, ...lines(value, `${indent}  `)];
}

/** Whether a text of several lines can be written as it is. */
function isBlock(text: string): boolean {
  return (
    /\n./.test(text) &&
    !/^[\s]|[^\S\n]\n|\n\n$|[^\n\t\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/.test(text)
  );
}

const PLAIN = /^[A-Za-z_/][A-Za-z0-9_./@ +-]*$/;
const RESERVED = /^(true|false|yes|no|on|off|null|y|n)$/i;

function scalar(value: null | boolean | number | string): string {
  if (typeof value !== "string") return String(value);
  if (PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(" ")) return value;
  return JSON.stringify(value);
}
