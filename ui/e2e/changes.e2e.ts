// What a VM is is changed: what that would do is shown first, and fields that others manage are
// taken over only by whoever says so.
import { expect, test } from "vitest";
import type { Vm } from "../src/api/types";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

async function openDialog(vm: Vm) {
  const { page } = story;
  await story.open(`/vms/${vm.id}`);
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  return page.getByRole("dialog", { name: `Change ${vm.name}` });
}

const asked = async (vm: Vm) =>
  (await story.api<Vm>(`/api/v1/vms/${vm.id}`)).spec?.memory?.bytes ?? 0;

test("c20: a VM gets more memory at its next start, as its plan says", async () => {
  const vm = await newVm(story, true);
  const dialog = await openDialog(vm);
  await dialog.getByLabel("Memory").fill("512M");
  await dialog.getByRole("button", { name: "Show what it does" }).click();
  const plan = dialog.getByRole("table", { name: "What would change" });
  await plan.getByText("at its next start").waitFor();
  await dialog.getByRole("button", { name: "Change", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await expect.poll(() => asked(vm), { timeout: 30_000 }).toBe(512 * 2 ** 20);
});

test("x25: memory that somebody else manages is taken over by whoever says so", async () => {
  const vm = await newVm(story, false, "shared");
  const dialog = await openDialog(vm);
  await dialog.getByLabel("Memory").fill("512M");
  await dialog.getByRole("button", { name: "Show what it does" }).click();
  await dialog.getByText("is managed by kubectl-edit").waitFor();
  const change = dialog.getByRole("button", { name: "Change", exact: true });
  expect(await change.isDisabled()).toBe(true);
  await dialog.getByRole("checkbox", { name: /^Take these fields over/ }).check();
  await change.click();
  await dialog.waitFor({ state: "detached" });
  await expect.poll(() => asked(vm), { timeout: 30_000 }).toBe(512 * 2 ** 20);
});
