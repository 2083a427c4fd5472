// Snapshots as a tree, and what going back to one costs.
import { expect, test } from "vitest";
import { known, snapshot, untold, vmThatIs } from "../pages/vms/vm/snapshots/snapshots.fixture";
import { isLive, lostBy, notPutBackLive, notTakenLive, treeOf } from "./snapshots";

const from = (name: string, parent: string | null) =>
  snapshot(name, { parent: parent && `ref-${parent}` });
const drawn = (all: ReturnType<typeof from>[]) =>
  treeOf(all).map(({ snapshot: { name }, depth, parent }) => [name, depth, parent?.name]);

test("what grew from one stands below it", () => {
  const all = [from("a", null), from("b", "a"), from("c", null), from("d", "a"), from("e", "b")];
  expect(drawn(all)).toEqual([
    ["a", 0, undefined],
    ["b", 1, "a"],
    ["e", 2, "b"],
    ["d", 1, "a"],
    ["c", 0, undefined],
  ]);
});

test("one whose parent is gone, and a ring, are shown all the same, each once", () => {
  expect(drawn([from("b", "gone")])).toEqual([["b", 0, undefined]]);
  expect(drawn([from("a", "b"), from("b", "a"), from("c", "c")])).toEqual([
    ["a", 0, undefined],
    ["b", 1, "a"],
    ["c", 0, undefined],
  ]);
});

test("going back says all that is lost, and what is not known of it", () => {
  const text = (at: string) => `<${at}>`;
  const [on, off] = [vmThatIs("running"), vmThatIs("stopped")];
  const more = expect.stringContaining("its size, its devices and disks that were attached since");
  const plain = lostBy(snapshot("a"), off, text);
  expect(plain).toEqual([
    "What was written to its disks after <2026-11-22T05:00:00Z> is lost.",
    "It is off afterwards.",
    more,
  ]);
  const odd = snapshot("b", {
    content: known("disks_and_memory"),
    disks_left_out: known(["data", "seed"]),
    taken_at: untold("not told"),
  });
  expect(lostBy(odd, on, text)).toEqual([
    "What was written to its disks since it was taken is lost.",
    "It is on: its power is cut, or this is refused until it is stopped.",
    "It then goes on where it was, with the memory of then.",
    // Which of both is the provider's, and nobody promises the harmless one.
    "These disks are not in it, and stay as they are or are empty then, as its provider has it: data, seed.",
    more,
  ]);
  const dark = snapshot("c", { content: untold("?"), disks_left_out: untold("not told") });
  expect(lostBy(dark, off, text).slice(1)).toEqual([
    "Whether it is off afterwards its provider does not tell.",
    "Which disks are not in it is not known: not told.",
    more,
  ]);
});

const limited = (state: string, reverts_live: boolean) => {
  const limits = { live: false, memory: true, quiesce: true, tree: true, reverts_live };
  return { ...vmThatIs(state), snapshot_limits: { ...limits, max_per_vm: null } };
};

test("a VM that crashed is on, one that failed or is saved is off, of others nobody knows", () => {
  for (const state of ["running", "paused", "suspended", "crashed", "stopping"]) {
    expect(isLive(vmThatIs(state)), state).toBe(true);
  }
  for (const state of ["stopped", "saved", "failed"]) {
    expect(isLive(vmThatIs(state)), state).toBe(false);
  }
  expect(isLive(vmThatIs("unknown"))).toBeUndefined();
});

test("what a provider does to stopped VMs only is refused to those that are on", () => {
  expect(notPutBackLive(limited("crashed", false))).toContain("puts back stopped VMs only");
  expect(notPutBackLive(limited("failed", false))).toBeUndefined();
  expect(notPutBackLive(limited("running", true))).toBeUndefined();
  expect(notPutBackLive(vmThatIs("running"))).toBeUndefined();
  expect(notTakenLive(limited("crashed", true))).toContain("takes snapshots of stopped VMs only");
  expect(notTakenLive(limited("failed", true))).toBeUndefined();
});

test("whether power is cut is said as the provider has it", () => {
  const power = (vm: ReturnType<typeof limited>) => lostBy(snapshot("a"), vm, String)[1];
  expect(power(limited("crashed", true))).toBe("It is on: its power is cut.");
  expect(power(limited("running", false))).toBe("It is on: this is refused until it is stopped.");
  expect(power(limited("failed", true))).toBe("It is off afterwards.");
  expect(power(limited("unknown", true))).toBe(
    "Whether it is on is not known: if it is, its power is cut.",
  );
});
