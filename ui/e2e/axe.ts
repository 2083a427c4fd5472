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

/** What axe finds that is serious or worse. */
export async function faults(story: Story): Promise<string[]> {
  await story.page.evaluate(axe.source);
  const result = await story.page.evaluate(() =>
    (window as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ["violations"],
    }),
  );
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
