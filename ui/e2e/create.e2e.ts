// A VM is made through the form, and deleted with its disks again.
import { expect, test } from "vitest";
import type { Image, Page as ListPage } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

test("c1, c2: made through the form, seen at work, deleted with its disks", async () => {
  const name = `e2e-${Date.now().toString(36)}`;
  const images = await story.api<ListPage<Image>>("/api/v1/images?limit=10");
  const { page } = story;
  await story.open("/vms");
  await page.getByRole("button", { name: "Create VM" }).click();
  await page.getByLabel("Name", { exact: false }).first().fill(name);
  const image = images.items[0];
  if (image) {
    await page.getByLabel("Image").selectOption(image.name);
  } else {
    await page.getByLabel("An empty disk").check();
    await page.getByLabel("Size").fill("1");
  }
  await page.getByLabel("Memory").fill("256");
  // What was typed survives a reload.
  await page.reload();
  expect(await page.locator("#name").inputValue()).toBe(name);
  await page.getByRole("button", { name: "Review" }).click();
  await page.waitForURL(/step=review/);
  await page.getByRole("heading", { name: /^Goes to / }).waitFor({ timeout: 30_000 });
  await page.getByText(`hostler vm create ${name}`).first().waitFor();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 30_000 });
  await page.locator(".vm-head .state", { hasText: "running" }).waitFor({ timeout: 60_000 });

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Force stop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Force stop" }).click();
  await page.locator(".vm-head .state", { hasText: "stopped" }).waitFor({ timeout: 45_000 });

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Delete the volumes/).check();
  const confirm = dialog.getByRole("button", { name: "Delete", exact: true });
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await confirm.click();
  await page.waitForURL(/\/vms(\?|$)/);
  await expect
    .poll(
      async () => {
        const filter = encodeURIComponent(`name=${name}`);
        const left = await story.api<ListPage<unknown>>(`/api/v1/vms?filter=${filter}`);
        return left.items.length;
      },
      { timeout: 45_000 },
    )
    .toBe(0);
  // The page of what was deleted is asked for by an event that came late.
  story.expectStatus(404);
}, 180_000);

test("faults are shown at their fields, and the first one gets the focus", async () => {
  await story.open("/vms/new");
  const { page } = story;
  await page.locator("#name").fill("no spaces allowed");
  await page.locator("#memory").fill("lots");
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByText("At most 63 letters").waitFor();
  await page.getByText("An amount, for example 2 GiB").waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("name");
});
