// VMs that a story can use: those of the fleet, found by asking the API as the page
// does, and its own.
import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type {
  Page as ListPage,
  Operation,
  PendingAdoption,
  Pool,
  Vm,
  VmSummary,
} from "../src/api/types";
import type { Story } from "./browser";

/** VMs in a state, as the list has them. */
export async function vmsIn(story: Story, state: string): Promise<VmSummary[]> {
  const filter = encodeURIComponent(`state=${state}`);
  const page = await story.api<ListPage<VmSummary>>(`/api/v1/vms?limit=200&filter=${filter}`);
  return page.items;
}

/**
 * A VM of the story's own, at rest, gone when the story ends. The fleet lives: any other VM may stop
 * while a story is about to use it. What users make is left alone.
 */
export async function newVm(story: Story, start: boolean, prefix = "e2e"): Promise<Vm> {
  const name = `${prefix}-${randomBytes(4).toString("hex")}`;
  const spec = { name, memory: { bytes: 256 * 2 ** 20 }, graphics: "vnc" };
  const made = await story.change<Operation>("POST", "/api/v1/vms", { spec, start });
  const id = made.resources.find(({ kind }) => kind === "vm")?.id;
  story.later(async () => {
    await story.change("DELETE", `/api/v1/vms/${id}?force=true&disks=true`);
  });
  const wanted = start ? "running" : "stopped";
  let vm: Vm | undefined;
  await expect
    .poll(async () => {
      vm = await story.api<Vm>(`/api/v1/vms/${id}`);
      return vm.operation ? "at work" : vm.status.state;
    })
    .toBe(wanted);
  return vm as Vm;
}

/**
 * The pool of the fleet that is full. Each host has one of its name, and lists have them in no
 * certain order; they differ in what lies in them.
 */
export async function fullPool(story: Story): Promise<Pool> {
  const filter = encodeURIComponent("name=fast");
  const { items } = await story.api<ListPage<Pool>>(`/api/v1/pools?filter=${filter}`);
  const pool = items.find(({ available_bytes: available }) => available.value === 0);
  if (!pool) throw new Error("no pool of the name fast is without room");
  return pool;
}

/** A running VM of the fleet with a console of this kind. */
export async function vmWithConsole(story: Story, kind: "serial" | "vnc"): Promise<Vm> {
  for (const { id } of (await vmsIn(story, "running")).slice(0, 40)) {
    const vm = await story.api<Vm>(`/api/v1/vms/${id}`);
    if (vm.consoles.includes(kind) && vm.actions.console?.allowed) return vm;
  }
  throw new Error(`no running VM has a ${kind} console`);
}

/**
 * VMs of the fleet that nobody manages, the first by name. When the story ends they wait for a
 * decision again, whatever was decided.
 */
export async function waitingVms(story: Story, wanted: number): Promise<PendingAdoption[]> {
  const filter = encodeURIComponent("status=pending");
  const path = `/api/v1/admin/pending-adoptions?sort=name&filter=${filter}`;
  const { items } = await story.api<ListPage<PendingAdoption>>(path);
  const chosen = items.filter(({ adoptable }) => adoptable).slice(0, wanted);
  if (chosen.length < wanted) throw new Error("too few VMs of the fleet wait for a decision");
  story.later(async () => {
    for (const { vm } of chosen) await waitAgain(story, vm.id);
  });
  return chosen;
}

async function waitAgain(story: Story, id: string): Promise<void> {
  const vm = await story.api<Vm>(`/api/v1/vms/${id}`);
  if (vm.adopted) await story.change("POST", `/api/v1/vms/${id}/release`);
  const path = `/api/v1/admin/pending-adoptions/${id}`;
  const { status } = await story.api<PendingAdoption>(path);
  if (status === "ignored") await story.change("POST", `${path}/offer`);
}
