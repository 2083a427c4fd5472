// A VM that runs is sent to another host; where it can go and why not elsewhere; and what is
// remembered of it.
import { expect, test } from "vitest";
import type { Vm } from "../src/api/types";
import { stories } from "./browser";
import { newVm, vmsIn } from "./fleet";

const story = stories();

interface Destinations {
  blocked?: string | null;
  hosts: { host: { id: string; name: string }; refused?: string | null }[];
}

const destinations = (vm: string) => story.api<Destinations>(`/api/v1/vms/${vm}/destinations`);

/** A VM of the story's own that runs, and a host that would take it. */
async function movable() {
  const vm = await newVm(story, true);
  const { hosts } = await destinations(vm.id);
  const to = hosts.find(({ refused }) => !refused)?.host;
  if (!to) throw new Error("no host would take a VM without disks");
  return { vm, to };
}

async function openDialog(vm: Vm) {
  const { page } = story;
  await story.open(`/vms/${vm.id}`);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Migrate" }).click();
  const dialog = page.getByRole("dialog", { name: `Migrate ${vm.name}` });
  await dialog.getByRole("radio", { name: "Let the provider choose" }).waitFor();
  return dialog;
}

test("a VM is sent to a host, goes on running there, and it is remembered", async () => {
  const { page } = story;
  const { vm, to } = await movable();
  const dialog = await openDialog(vm);
  await dialog.getByRole("radio", { name: to.name, exact: true }).check();
  await dialog.getByRole("button", { name: "Migrate", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  // How it goes on stands in the drawer, which is open now.
  await page.waitForURL(/ops=true/);
  await expect
    .poll(async () => (await story.api<Vm>(`/api/v1/vms/${vm.id}`)).host?.name, {
      timeout: 120_000,
    })
    .toBe(to.name);
  await story.open(`/vms/${vm.id}?tab=migrations`);
  const table = page.getByRole("table", { name: "Migrations of this VM" });
  const row = table.getByRole("row").filter({ hasText: to.name });
  await row.getByText("succeeded", { exact: true }).waitFor();
  await row.getByRole("link", { name: /^operation / }).waitFor();
  await page.getByText("running", { exact: true }).first().waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByRole("heading", { name: "Migrations", level: 1 }).waitFor();
  await page.getByRole("link", { name: vm.name, exact: true }).waitFor();
});

test("without a host the provider chooses, and Enter sends it", async () => {
  const { page } = story;
  const { vm } = await movable();
  const dialog = await openDialog(vm);
  await dialog.getByRole("radio", { name: "Let the provider choose" }).focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await expect
    .poll(async () => (await story.api<Vm>(`/api/v1/vms/${vm.id}`)).host?.id, { timeout: 120_000 })
    .not.toBe(vm.host?.id);
});

test("a host that would not take it says why, and cannot be chosen", async () => {
  for (const { id } of (await vmsIn(story, "running")).slice(0, 40)) {
    const vm = await story.api<Vm>(`/api/v1/vms/${id}`);
    if (!vm.actions.migrate?.allowed) continue;
    const refused = (await destinations(id)).hosts.find((one) => one.refused);
    if (!refused) continue;
    const dialog = await openDialog(vm);
    await dialog.getByText(refused.refused ?? "", { exact: true }).waitFor();
    const radio = dialog.getByRole("radio", { name: refused.host.name, exact: true });
    expect(await radio.isDisabled()).toBe(true);
    return;
  }
  throw new Error("every host would take every VM");
});
