// Finds VMs that a story can use, by asking the API as the page does.
import { expect } from "vitest";
import type { Page as ListPage, Vm, VmSummary } from "../src/api/types";
import type { Story } from "./browser";

/** VMs in a state, as the list has them. */
export async function vmsIn(story: Story, state: string): Promise<VmSummary[]> {
  const filter = encodeURIComponent(`state=${state}`);
  const page = await story.api<ListPage<VmSummary>>(`/api/v1/vms?limit=200&filter=${filter}`);
  return page.items;
}

/** A managed VM at rest in `state`, on which `action` is possible now. */
export async function vmFor(story: Story, state: string, action: string): Promise<VmSummary> {
  const vms = await vmsIn(story, state);
  const vm = vms.find((v) => v.managed && !v.operation && v.actions[action]?.allowed);
  expect(vm, `the server has no ${state} VM that can ${action}`).toBeDefined();
  return vm as VmSummary;
}

/** A running VM with a console of this kind. */
export async function vmWithConsole(story: Story, kind: "serial" | "vnc"): Promise<Vm> {
  for (const { id } of (await vmsIn(story, "running")).slice(0, 40)) {
    const vm = await story.api<Vm>(`/api/v1/vms/${id}`);
    if (vm.consoles.includes(kind) && vm.actions.console?.allowed) return vm;
  }
  throw new Error(`no running VM has a ${kind} console`);
}
