// A VM's disks: attached, made larger and detached while it runs; its volume goes only where that was
// typed.
import { expect, test } from "vitest";
import type { Page as ListPage, VmDisk } from "../src/api/types";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

const rowOf = (name: string) =>
  story.page.getByRole("table", { name: "Disks" }).getByRole("row").filter({ hasText: name });

async function namesOf(vm: string): Promise<string[]> {
  const { items } = await story.api<ListPage<VmDisk>>(`/api/v1/vms/${vm}/disks`);
  return items.map(({ name }) => name);
}

test("one is attached to a running VM and detached with its volume", async () => {
  const { page } = story;
  const vm = await newVm(story, true);
  // The first is what it boots from, which a running VM does not give up.
  const root = { name: "root", source: { empty: { size_bytes: 2 ** 30 } } };
  await story.change("POST", `/api/v1/vms/${vm.id}/disks`, root);
  const before = await namesOf(vm.id);
  await story.open(`/vms/${vm.id}?tab=disks`);
  await page.getByRole("button", { name: "Detach root" }).waitFor();
  await page.getByRole("button", { name: "Attach disk", exact: true }).click();
  const attach = page.getByRole("dialog", { name: /^Attach a disk/ });
  await attach.getByRole("textbox", { name: /^Name\W*$/ }).fill("more");
  await attach.getByRole("textbox", { name: /^Size in GiB/ }).fill("1");
  await attach.getByRole("button", { name: "Attach", exact: true }).click();
  await attach.waitFor({ state: "detached" });
  await rowOf("more").getByText("attached", { exact: true }).waitFor();
  expect(await namesOf(vm.id)).toContain("more");

  await page.getByRole("button", { name: "Grow more" }).click();
  const grow = page.getByRole("dialog", { name: /Make the disk more/ });
  await grow.getByRole("textbox", { name: /^Size in GiB/ }).fill("2");
  await grow.getByRole("button", { name: "Grow", exact: true }).click();
  await grow.waitFor({ state: "detached" });
  await rowOf("more").getByText("2 GiB").waitFor();

  await page.getByRole("button", { name: "Detach more" }).click();
  const detach = page.getByRole("dialog", { name: /Detach the disk more/ });
  await detach.getByRole("checkbox", { name: /^Delete its volume/ }).check();
  const confirm = detach.getByRole("button", { name: "Detach and delete" });
  expect(await confirm.isDisabled()).toBe(true);
  await detach.getByRole("textbox", { name: "Type more to confirm" }).fill("more");
  await confirm.click();
  await detach.waitFor({ state: "detached" });
  await rowOf("more").waitFor({ state: "detached" });
  expect(await namesOf(vm.id)).toEqual(before);
});
