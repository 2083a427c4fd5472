// The runbooks of the shipped rules, which are part of this page: they are there when
// the web is not.

const TEXTS = import.meta.glob<string>("../../../docs/runbooks/Hostler*.md", {
  query: "?raw",
  import: "default",
});

const BY_NAME = new Map(
  Object.entries(TEXTS).map(([path, read]) => [/([^/]+)\.md$/.exec(path)?.[1] ?? path, read]),
);

/** The name of a shipped runbook, from what an alert or another runbook says of it. */
export function shippedRunbook(url: string | null | undefined): string | undefined {
  const name = /^(?:docs\/runbooks\/)?([A-Za-z0-9]+)\.md$/.exec(url ?? "")?.[1];
  return name !== undefined && BY_NAME.has(name) ? name : undefined;
}

/** Its text; undefined where there is none of that name. */
export async function readRunbook(name: string): Promise<string | undefined> {
  return BY_NAME.get(name)?.();
}
