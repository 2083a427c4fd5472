// Changing things: description and labels with a conflict, images up and away,
// providers in and out.
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { Image, Page as ListPage } from "../src/api/types";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

test("x8: who edits what somebody else changed meanwhile is told, and loses nothing", async () => {
  const { page } = story;
  const vm = await newVm(story, false);
  await story.open(`/vms/${vm.id}`);
  const edit = page.getByRole("button", { name: "Edit description and labels" });
  await edit.click();
  const dialog = page.getByRole("dialog");
  const description = dialog.getByLabel("Description");
  await description.fill("mine");

  // Somebody else is quicker, in another window.
  const other = await story.context.newPage();
  await other.goto(`/vms/${vm.id}`);
  await other.getByRole("button", { name: "Edit description and labels" }).click();
  await other.locator("#edit-description").fill("theirs");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByRole("dialog").waitFor({ state: "detached" });
  await other.close();

  story.expectStatus(412);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator("[data-code=precondition_failed]").waitFor();
  expect(await description.inputValue()).toBe("mine");
  // The newer text is named once it has arrived; only then there is something to save over.
  await dialog.getByRole("button", { name: /^Keep my text.*theirs/ }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.locator(".description", { hasText: "mine" }).waitFor();
});

test("an image is uploaded, listed and deleted", async () => {
  const { page } = story;
  const name = `e2e-${Date.now().toString(36)}`;
  await story.open("/images");
  await page.getByRole("button", { name: "Upload image" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[type=file]").setInputFiles({
    name: `${name}.raw`,
    mimeType: "application/octet-stream",
    buffer: randomBytes(1024 * 1024),
  });
  await expect.poll(() => dialog.locator("#upload-name").inputValue()).toBe(name);
  await expect.poll(() => dialog.locator("#upload-format").inputValue()).toBe("raw");
  await dialog.getByRole("button", { name: "Upload", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const row = page.locator(`[data-row="${name}"]`);
  await row.getByText("1 MiB").first().waitFor();
  await row.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await row.waitFor({ state: "detached" });
  const left = await story.api<ListPage<Image>>("/api/v1/images?limit=100");
  expect(left.items.map((image) => image.name)).not.toContain(name);
});

test("a file that is not what it claims to be is refused with the reason", async () => {
  const { page } = story;
  story.expectStatus(400);
  await story.open("/images");
  await page.getByRole("button", { name: "Upload image" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[type=file]").setInputFiles({
    name: "liar.qcow2",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("this is no qcow2"),
  });
  await dialog.getByRole("button", { name: "Upload", exact: true }).click();
  await dialog.locator("[data-code=image_unsafe]").waitFor();
});

test("a wrong filter is shown as the server explains it", async () => {
  story.expectStatus(400);
  await story.open("/vms?filter=nonsense");
  const alert = story.page.locator("[data-code=query_invalid]");
  await alert.waitFor();
  await alert.getByText(/there is no field/).waitFor();
});
