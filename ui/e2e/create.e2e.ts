// A VM is made through the form, and deleted with its disks again.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Image, Page as ListPage } from "../src/api/types";
import { stories } from "./browser";

const story = stories();

test("c1, c2: made through the form, seen at work, deleted with its disks", async () => {
  const name = `e2e-${Date.now().toString(36)}`;
  const images = await story.api<ListPage<Image>>("/api/v1/images?limit=10");
  const { page } = story;
  // Its page may ask for it once more while it is being deleted.
  story.expectStatus(404);
  await story.open("/vms");
  await page.getByRole("button", { name: "Create VM" }).click();
  await page.locator("#name").fill(name);
  const image = images.items[0];
  if (image) {
    await page.locator("#image").selectOption(image.name);
  } else {
    await page.getByLabel("An empty disk").check();
    await page.locator("#size").fill("1");
  }
  await page.locator("#memory").fill("256");
  // What was typed survives a reload.
  await page.reload();
  await expect.poll(() => page.locator("#name").inputValue()).toBe(name);
  await page.getByRole("button", { name: "Review" }).click();
  await page.waitForURL(/step=review/);
  await page.getByRole("heading", { name: /^Goes to / }).waitFor();
  await page.getByText(`hostler vm create ${name}`).first().waitFor();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await page.locator(".vm-head .state", { hasText: "running" }).waitFor({ timeout: 60_000 });

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Force stop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Force stop" }).click();
  await page.locator(".vm-head .state", { hasText: "stopped" }).waitFor({ timeout: 60_000 });

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete", exact: true }).click();
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
      { timeout: 60_000 },
    )
    .toBe(0);
}, 400_000);

test("faults are shown at their fields, and the first one gets the focus", async () => {
  await story.open("/vms/new");
  const { page } = story;
  await page.locator("#name").fill("no spaces allowed");
  await page.locator("#memory").fill("lots");
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByText("At most 63 letters").waitFor();
  await page.getByText("An amount, for example 2 GiB").waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("name");
});

const CLI = process.env.HOSTLER_CLI;

// Needs the command line's program: HOSTLER_CLI=target/debug/hostler
test.skipIf(!CLI)("what is copied as CLI asks for what is copied as JSON", async () => {
  const { page } = story;
  await story.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await story.open("/vms/new");
  await page.locator("#name").fill("copied");
  await page.getByLabel("An empty disk").check();
  await page.locator("#size").fill("3");
  await page.locator("#memory").fill("1.5G");
  await page.locator("#network").selectOption("user");
  await page.locator("#firmware").selectOption("uefi");
  for (const keys of ["", "ssh-ed25519 AAAA me@here"]) {
    if (keys) {
      await page.getByRole("button", { name: /^First boot/ }).click();
      await page.locator("#sshKeys").fill(keys);
    }
    await page.getByRole("button", { name: "Review" }).click();
    const command = await copiedBy("Copy as CLI");
    const json = await copiedBy("Copy as JSON");
    const program = command.replace(
      /^hostler vm create/,
      `"${CLI}" vm create --dry-run=client -o json`,
    );
    const said = execFileSync("/bin/sh", ["-c", program], { encoding: "utf8" });
    expect(JSON.parse(said)).toMatchObject(JSON.parse(json));
    await page.getByRole("button", { name: "Back" }).click();
  }
});

/** What the button puts into the clipboard, which takes a moment. */
async function copiedBy(button: string): Promise<string> {
  const { page } = story;
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.getByRole("button", { name: button }).click();
  const read = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(read).not.toBe("");
  return read();
}
