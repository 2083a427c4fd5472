// What axe says of a page, once the page is at rest.
import axe from "axe-core";
import type { Story } from "./browser";

/** The page has its title, and all that comes at first. */
export async function settled(story: Story): Promise<void> {
  await story.page.getByRole("heading", { level: 1 }).first().waitFor();
  await still(story);
}

/** There is no skeleton or spinner any more, and nothing fades in: that has no honest contrast. */
export async function still(story: Story): Promise<void> {
  await story.page
    .locator(".pf-v6-c-skeleton, .pf-v6-c-spinner")
    .first()
    .waitFor({ state: "hidden" });
  await story.page.evaluate(async () => {
    // What turns for ever never ends.
    const ending = () =>
      document.getAnimations().filter(({ effect, playState }) => {
        const end = Number(effect?.getComputedTiming().endTime ?? 0);
        return playState === "running" && Number.isFinite(end);
      });
    for (let left = ending(); left.length > 0; left = ending()) {
      await Promise.all(left.map(({ finished }) => finished.catch(() => {})));
    }
  });
}

/**
 * What axe finds that is serious or worse, in either theme. A theme changes colours and nothing else,
 * so that only those are looked at twice.
 */
export async function faults(story: Story): Promise<string[]> {
  await story.page.evaluate(axe.source);
  const light = await found(story, "light");
  await story.page.emulateMedia({ colorScheme: "dark" });
  await story.page.locator("html.pf-v6-theme-dark").waitFor();
  await still(story);
  const dark = await found(story, "dark", ["color-contrast", "link-in-text-block"]);
  await story.page.emulateMedia({ colorScheme: "light" });
  return [...light, ...dark];
}

async function found(story: Story, theme: string, rules?: string[]): Promise<string[]> {
  const result = await story.page.evaluate(
    (values) =>
      (window as unknown as { axe: typeof axe }).axe.run(document, {
        resultTypes: ["violations"],
        ...(values && { runOnly: { type: "rule", values } }),
      }),
    rules,
  );
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => {
      const where = nodes.map((node) => node.html.slice(0, 160)).join(" | ");
      return `${theme}: ${id}: ${where}`;
    });
}
