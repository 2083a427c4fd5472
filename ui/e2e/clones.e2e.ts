// A VM is cloned from its menu, as it is and from a snapshot; the clone is a VM of its own.
import { expect, test } from "vitest";
import type { Page as ListPage, VmSummary } from "../src/api/types";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

async function named(name: string): Promise<VmSummary | undefined> {
  const filter = encodeURIComponent(`name=${name}`);
  const { items } = await story.api<ListPage<VmSummary>>(`/api/v1/vms?filter=${filter}`);
  return items[0];
}

async function cloneDialog() {
  const { page } = story;
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: "Clone" }).click();
  return page.getByRole("dialog", { name: /^Clone / });
}

test("a clone of a VM and one of its snapshot are VMs of their own", async () => {
  const { page } = story;
  const vm = await newVm(story, false);
  await story.change("POST", `/api/v1/vms/${vm.id}/snapshots`, { name: "kept" });
  for (const [name, of] of [
    [`${vm.name}-now`, "What it is now"],
    [`${vm.name}-then`, "Snapshot kept"],
  ] as const) {
    await story.open(`/vms/${vm.id}`);
    const dialog = await cloneDialog();
    await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill(name);
    await dialog.getByRole("combobox", { name: /^Made of/ }).selectOption({ label: of });
    await dialog.getByRole("button", { name: "Clone", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await expect.poll(async () => (await named(name))?.status.state).toBe("stopped");
    const copy = await named(name);
    expect(copy?.id).not.toBe(vm.id);
    await story.open(`/vms/${copy?.id}`);
    await page.locator(".vm-head").getByText("stopped", { exact: true }).waitFor();
  }
});

test("the name of the VM itself is not offered", async () => {
  const vm = await newVm(story, false);
  await story.open(`/vms/${vm.id}`);
  const dialog = await cloneDialog();
  await dialog.getByRole("textbox", { name: /^Name\W*$/ }).fill(vm.name);
  await dialog.getByText("It is the name of the VM itself").waitFor();
  expect(await dialog.getByRole("button", { name: "Clone", exact: true }).isDisabled()).toBe(true);
});
