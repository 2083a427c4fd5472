// Nobody is kept out of what opens over a page: axe finds nothing serious there in either
// theme, and the focus stays within.
import { expect, test } from "vitest";
import { faults, settled, still } from "./axe";
import { stories } from "./browser";
import { newVm } from "./fleet";
import { OPENED } from "./opened";

const story = stories();

test.each(OPENED)("$name has no serious fault", async ({ path, open }) => {
  await story.open(typeof path === "string" ? path : await path(story));
  await settled(story);
  await open(story.page);
  const { page } = story;
  await page.getByRole("dialog").or(page.getByRole("menu")).first().waitFor();
  await still(story);
  expect(await faults(story)).toEqual([]);
});

test("the delete dialog has no serious fault and keeps the focus", async () => {
  const vm = await newVm(story, false);
  await story.open(`/vms/${vm.id}`);
  await story.page.getByRole("button", { name: "More" }).click();
  await story.page.getByRole("menuitem", { name: "Delete", exact: true }).click();
  await story.page.getByRole("dialog").waitFor();
  await still(story);
  expect(await faults(story)).toEqual([]);
  for (let i = 0; i < 12; i += 1) {
    await story.page.keyboard.press("Tab");
    const inside = await story.page.evaluate(
      () => document.activeElement?.closest("[role=dialog]") !== null,
    );
    expect(inside).toBe(true);
  }
  await story.page.keyboard.press("Escape");
  await story.page.getByRole("dialog").waitFor({ state: "detached" });
});
