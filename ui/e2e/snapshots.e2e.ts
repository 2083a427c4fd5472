// A VM's snapshots: taken, gone back to, deleted; by keyboard alone; and what is refused says why.
import type { Locator } from "playwright-core";
import { expect, test } from "vitest";
import type { Page as ListPage, Snapshot } from "../src/api/types";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

const rowOf = (name: string) =>
  story.page.getByRole("table", { name: "Snapshots" }).getByRole("row").filter({ hasText: name });

async function namesOf(vm: string): Promise<string[]> {
  const { items } = await story.api<ListPage<Snapshot>>(`/api/v1/vms/${vm}/snapshots`);
  return items.map(({ name }) => name);
}

async function take(name: string, options: { memory?: boolean } = {}): Promise<void> {
  const { page } = story;
  await page.getByRole("button", { name: "Take snapshot", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: /^Take a snapshot/ });
  await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill(name);
  if (options.memory) await dialog.getByRole("checkbox", { name: "With its memory" }).check();
  await dialog.getByRole("button", { name: "Take", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await rowOf(name).getByText("ready", { exact: true }).waitFor();
}

test("one is taken of a running VM, gone back to and deleted; each tells how it came out", async () => {
  const { page } = story;
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=snapshots`);
  await page.getByText("It has none.").waitFor();
  await take("first");
  await rowOf("first").getByText("disks only").waitFor();
  await rowOf("first").getByText("none: the first").waitFor();
  await take("second", { memory: true });
  await rowOf("second").getByText("with its memory").waitFor();
  await rowOf("second").getByText("disks and memory").waitFor();
  await rowOf("second").getByText("current", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Go back to first" }).click();
  const back = page.getByRole("dialog", { name: /back to first/ });
  await back.getByText(/is lost/).waitFor();
  expect(await back.getByRole("button", { name: "Go back" }).isDisabled()).toBe(true);
  await back.getByRole("textbox", { name: `Type ${vm.name} to confirm` }).fill(vm.name);
  await back.getByRole("button", { name: "Go back" }).click();
  await back.waitFor({ state: "detached" });
  await rowOf("first").getByText("current", { exact: true }).waitFor();
  // Of the disks alone: it is off afterwards.
  await page.locator(".vm-head").getByText("stopped", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Delete second" }).click();
  const gone = page.getByRole("dialog", { name: /Delete the snapshot second/ });
  await gone.getByRole("button", { name: "Delete", exact: true }).click();
  // Under an open dialog nothing of the page is there for who looks by roles.
  await gone.waitFor({ state: "detached" });
  await rowOf("second").waitFor({ state: "detached" });
  expect(await namesOf(vm.id)).toEqual(["first"]);
});

test("by keyboard alone", async () => {
  const { page } = story;
  const vm = await newVm(story, false);
  await story.open(`/vms/${vm.id}?tab=snapshots`);
  await page.getByText("It has none.").waitFor();
  await tabTo(page.getByRole("button", { name: "Take snapshot", exact: true }));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: /^Take a snapshot/ });
  await dialog.waitFor();
  await tabTo(dialog.getByRole("textbox", { name: /^Name\W*$/ }));
  await page.keyboard.type("by-key");
  await page.keyboard.press("Enter");
  await rowOf("by-key").getByText("the VM was off").waitFor();
  await tabTo(page.getByRole("button", { name: "Delete by-key" }));
  await page.keyboard.press("Enter");
  const gone = page.getByRole("dialog", { name: /Delete the snapshot/ });
  await gone.waitFor();
  await tabTo(gone.getByRole("button", { name: "Delete", exact: true }));
  await page.keyboard.press("Enter");
  // Under an open dialog nothing of the page is there for who looks by roles.
  await gone.waitFor({ state: "detached" });
  await rowOf("by-key").waitFor({ state: "detached" });
  expect(await namesOf(vm.id)).toEqual([]);
});

test("a name that is taken and the memory of a VM that is off are not offered", async () => {
  const { page } = story;
  const vm = await newVm(story, false);
  await story.change("POST", `/api/v1/vms/${vm.id}/snapshots`, { name: "kept" });
  await story.open(`/vms/${vm.id}?tab=snapshots`);
  await rowOf("kept").waitFor();
  await page.getByRole("button", { name: "Take snapshot", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill("kept");
  await dialog.getByText("It has one of that name").waitFor();
  expect(await dialog.getByRole("button", { name: "Take", exact: true }).isDisabled()).toBe(true);
  expect(await dialog.getByRole("checkbox", { name: "With its memory" }).isDisabled()).toBe(true);
});

/** Goes by Tab until the focus is there. */
async function tabTo(place: Locator): Promise<void> {
  const isThere = () => place.evaluate((element) => element === document.activeElement);
  for (let step = 0; step < 100; step += 1) {
    if (await isThere()) return;
    await story.page.keyboard.press("Tab");
  }
  throw new Error("no Tab leads there");
}
