// The frame works by keyboard, and every page in a window as narrow as a phone.
import { describe, expect, test } from "vitest";
import { settled } from "./axe";
import { stories } from "./browser";
import { newVm } from "./fleet";
import { alertPath, pathOfOne } from "./places";

describe("keyboard", () => {
  const story = stories();

  test("the first Tab offers to skip to the content", async () => {
    await story.open("/vms");
    await settled(story);
    await story.page.keyboard.press("Tab");
    const link = story.page.getByRole("link", { name: "Skip to content" });
    await expect
      .poll(() => link.evaluate((element) => element === document.activeElement))
      .toBe(true);
  });

  test("a new page gets the focus", async () => {
    await story.open("/vms");
    await settled(story);
    await story.page.getByRole("link", { name: "Hosts", exact: true }).click();
    await story.page.getByRole("heading", { name: "Hosts" }).waitFor();
    await expect.poll(() => story.page.evaluate(() => document.activeElement?.id)).toBe("main");
  });
});

describe("a narrow window", () => {
  const story = stories({ viewport: { width: 320, height: 700 } });

  test("at 320 pixels the page itself does not scroll sideways", async () => {
    const pages = ["/vms", "/vms/new", "/adoption", "/operations", "/migrations", "/alerts"];
    const cluster = await pathOfOne(story, "clusters");
    pages.push(await alertPath(story), "/clusters", cluster, `${cluster}?tab=features`);
    const { id } = await newVm(story, false);
    await story.change("POST", `/api/v1/vms/${id}/snapshots`, { name: "one" });
    pages.push(`/vms/${id}?tab=snapshots`);
    for (const path of pages) {
      await story.open(path);
      await settled(story);
      const excess = () =>
        story.page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
      await expect.poll(excess, { message: path }).toBe(0);
    }
  });
});
