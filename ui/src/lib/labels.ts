// Labels as text that people edit, a `key=value` a line, and the merge patch that
// brings a VM from its labels to those.

export type Labels = Record<string, string>;

export function labelLines(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
}

/** The labels, or what is wrong with the text. Whether keys are allowed the server says. */
export function parseLabels(text: string): { labels: Labels; fault?: string } {
  const labels: Labels = {};
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "") continue;
    const at = trimmed.indexOf("=");
    if (at < 1) return { labels, fault: `line ${index + 1}: write it as key=value` };
    const key = trimmed.slice(0, at).trim();
    if (Object.hasOwn(labels, key))
      return { labels, fault: `line ${index + 1}: ${key} is there twice` };
    labels[key] = trimmed.slice(at + 1).trim();
  }
  return { labels };
}

/** What changes from `before` to `after`; null takes a label away. */
export function labelPatch(before: Labels, after: Labels): Record<string, string | null> {
  const patch: Record<string, string | null> = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) if (before[key] !== value) patch[key] = value;
  return patch;
}
