// Snapshots as a tree, and what going back to one costs.
import { expect, test } from "vitest";
import { known, snapshot, untold } from "../pages/vms/vm/snapshots/snapshots.fixture";
import { lostBy, treeOf } from "./snapshots";

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
  const plain = lostBy(snapshot("a"), false, text);
  expect(plain).toEqual([
    "What was written to its disks after <2026-11-22T05:00:00Z> is lost.",
    "It is off afterwards.",
  ]);
  const odd = snapshot("b", {
    content: known("disks_and_memory"),
    disks_left_out: known(["data", "seed"]),
    taken_at: untold("not told"),
  });
  expect(lostBy(odd, true, text)).toEqual([
    "What was written to its disks since it was taken is lost.",
    "It is on: its power is cut, or this is refused until it is stopped.",
    "It then goes on where it was, with the memory of then.",
    "These disks are not in it and stay as they are: data, seed.",
  ]);
  const dark = snapshot("c", { content: untold("?"), disks_left_out: untold("not told") });
  expect(lostBy(dark, false, text).slice(1)).toEqual([
    "Whether it is off afterwards its provider does not tell.",
    "Which disks are not in it is not known: not told.",
  ]);
});
