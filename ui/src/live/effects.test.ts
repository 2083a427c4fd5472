// Every event reaches every view that shows what changed.
import { expect, test } from "vitest";
import type { HostlerEvent } from "../api/types";
import { addEffects, noEffects, parseEvent } from "./effects";

function effectsOf(event: Partial<HostlerEvent>) {
  const effects = noEffects();
  addEffects(effects, {
    seq: 1,
    at: "2026-01-01T00:00:00Z",
    type: "x",
    message: "",
    data: null,
    ...event,
  } as HostlerEvent);
  return {
    lists: [...effects.lists].sort(),
    items: [...effects.items],
    gone: [...effects.gone],
  };
}

test("c5c: a VM's event touches its row, its page and its host's counts", () => {
  expect(effectsOf({ type: "vm.state", resource: { kind: "vm", id: "1" } })).toEqual({
    lists: ["events", "hosts"],
    items: ["disks/1", "vms/1"],
    gone: [],
  });
});

test("an operation's event touches it and what it works on", () => {
  const event = {
    type: "operation.changed",
    resource: { kind: "vm", id: "1" },
    data: { operation: "9", kind: "vm.start", state: "running" },
  };
  expect(effectsOf(event)).toEqual({
    lists: ["events", "hosts", "operations"],
    items: ["vms/1", "operations/9"],
    gone: [],
  });
});

test("c5c: who is in the list of VMs is asked when that may have changed, and only then", () => {
  const resource = { kind: "vm", id: "1" } as const;
  const asks = (event: Partial<HostlerEvent>) =>
    effectsOf({ ...event, resource }).lists.includes("vms");
  for (const type of ["vm.created", "vm.found", "vm.lost", "vm.deleted"]) {
    expect(asks({ type }), type).toBe(true);
  }
  for (const kind of ["vm.create", "vm.delete"]) {
    expect(asks({ type: "operation.changed", data: { operation: "9", kind } }), kind).toBe(true);
  }
  for (const type of ["vm.state", "vm.changed", "vm.updated"]) {
    expect(asks({ type }), type).toBe(false);
  }
});

test("e18: a decision reaches the list of what waits, and the VM's own row and page", () => {
  const resource = { kind: "vm", id: "1" } as const;
  for (const type of ["vm.adopted", "vm.ignored", "vm.offered", "vm.released"]) {
    const { lists, items } = effectsOf({ type, resource });
    expect([type, lists]).toEqual([type, ["adoptions", "events", "hosts"]]);
    expect(items, type).toContain("vms/1");
  }
  for (const type of ["vm.found", "vm.lost", "vm.deleted"]) {
    expect(effectsOf({ type, resource }).lists, type).toContain("adoptions");
  }
  for (const type of ["vm.state", "vm.changed", "vm.updated", "vm.created"]) {
    expect(effectsOf({ type, resource }).lists, type).not.toContain("adoptions");
  }
});

test("what was deleted is known to be gone", () => {
  const event = { type: "vm.deleted", resource: { kind: "vm", id: "1" } };
  expect(effectsOf(event).gone).toEqual(["1"]);
});

test("a volume is shown with its pool", () => {
  const event = { type: "volume.created", resource: { kind: "volume", id: "p/data" } };
  expect(effectsOf(event)).toEqual({ lists: ["events", "pools"], items: [], gone: [] });
});

test("x17: a provider that falls silent makes everything behind it old", () => {
  expect(
    effectsOf({ type: "provider.state", resource: { kind: "provider", id: "p" } }).lists,
  ).toEqual(["adoptions", "clusters", "events", "hosts", "networks", "pools", "providers", "vms"]);
});

test("an event of a kind this UI does not know only reaches the list of events", () => {
  expect(effectsOf({ resource: { kind: "quota", id: "q" } })).toEqual({
    lists: ["events"],
    items: [],
    gone: [],
  });
});

test("what is not an event is not read as one", () => {
  for (const text of ["", "null", "7", "{}", '{"seq":"1","type":"a"}', "{"]) {
    expect(parseEvent(text)).toBeUndefined();
  }
  expect(parseEvent('{"seq":1,"type":"vm.state"}')?.seq).toBe(1);
});

test("what a provider remembers is asked anew when something worked on it", () => {
  const resource = { kind: "vm", id: "1" } as const;
  const of = (kind: string) =>
    effectsOf({ type: "operation.changed", resource, data: { operation: "9", kind } });
  for (const kind of ["snapshot.create", "snapshot.revert", "snapshot.delete"]) {
    expect(of(kind).items, kind).toContain("snapshots/1");
  }
  for (const kind of ["disk.attach", "disk.detach"]) {
    expect(of(kind).items, kind).toContain("disks/1");
  }
  expect(of("vm.start").items).not.toContain("snapshots/1");
  expect(of("vm.migrate").lists).toContain("migrations");
  expect(effectsOf({ type: "vm.migrated", resource }).lists).toContain("migrations");
  expect(of("vm.start").lists).not.toContain("migrations");
});

test("c16: what a VM's disks are, and which can be taken off, is read again with what it does", () => {
  const resource = { kind: "vm", id: "1" } as const;
  const isRead = (event: Partial<HostlerEvent>) =>
    effectsOf({ ...event, resource }).items.includes("disks/1");
  for (const type of [
    "disk.attached",
    "snapshot.reverted",
    "vm.state",
    "vm.reconfigured",
    "vm.adopted",
    "vm.released",
  ]) {
    expect(isRead({ type }), type).toBe(true);
  }
  const reverting = { operation: "9", kind: "snapshot.revert", state: "succeeded" };
  expect(isRead({ type: "operation.changed", data: reverting })).toBe(true);
  for (const type of ["snapshot.created", "vm.updated"]) {
    expect(isRead({ type }), type).toBe(false);
  }
});
