// A changed VM gets into its row; where the row alone would lie, the list is read.
import { describe, expect, test } from "vitest";
import type { ListParams } from "../api/query";
import type { Vm, VmSummary } from "../api/types";
import { mayHold, patchRows, type VmList, withoutRow } from "./rows";

function vm(id: string, state = "running"): Vm {
  return {
    id,
    name: `vm-${id}`,
    status: { state, quality: "ok" },
    spec: { name: `vm-${id}` },
    observed: { name: `vm-${id}` },
  } as unknown as Vm;
}

function listOf(...pages: VmSummary[][]): VmList {
  return {
    pageParams: [],
    pages: pages.map((items) => ({ items, next_cursor: null, observed_at: null, stale: false })),
  } as unknown as VmList;
}

function patch(list: VmList, params: ListParams, ...vms: Vm[]) {
  return patchRows(list, params, new Map(vms.map((one) => [one.id, one])));
}

const LIST = listOf([vm("1"), vm("2")], [vm("3")]);

describe("patchRows", () => {
  test("puts several VMs in their places and leaves every other row and page as they are", () => {
    const { list, reread } = patch(LIST, { sort: "name" }, vm("1", "paused"), vm("2", "stopped"));
    expect(list.pages[0]?.items.map((row) => row.status.state)).toEqual(["paused", "stopped"]);
    expect(list.pages[1]).toBe(LIST.pages[1]);
    expect(patch(LIST, {}, vm("1", "paused")).list.pages[0]?.items[1]).toBe(
      LIST.pages[0]?.items[1],
    );
    expect(list.pages[0]?.items[0]).not.toHaveProperty("spec");
    expect(reread).toBe(false);
  });

  test("a VM that no loaded page has leaves the list as it is", () => {
    const { list, reread } = patch(LIST, { sort: "-name" }, vm("9"));
    expect(list).toBe(LIST);
    expect(reread).toBe(false);
  });

  test.each<[string, ListParams]>([
    ["filtered", { filter: "state=running" }],
    ["searched", { search: "vm" }],
    ["sorted by what changed", { sort: "-state" }],
    ["sorted by what this does not know", { sort: "moon" }],
  ])("a list that is %s is read again", (_how, params) => {
    expect(patch(LIST, params, vm("1", "paused")).reread).toBe(true);
  });

  test("a list sorted by something else that did not change is not read again", () => {
    expect(patch(LIST, { sort: "cpu_count" }, vm("1", "paused")).reread).toBe(false);
  });

  test("a VM from elsewhere may come into a list sorted by what changes", () => {
    expect(patch(LIST, { sort: "state" }, vm("9")).reread).toBe(true);
  });
});

test("a deleted VM leaves its row", () => {
  expect(withoutRow(LIST, "3").pages.map((page) => page.items.length)).toEqual([2, 0]);
});

test("a list sorted by what does not change holds the VMs that it has, any other might get one", () => {
  expect(mayHold(LIST, { sort: "name" }, "3")).toBe(true);
  expect(mayHold(LIST, { sort: "-created_at" }, "9")).toBe(false);
  expect(mayHold(LIST, { sort: "state" }, "9")).toBe(true);
  expect(mayHold(LIST, { filter: "state=running" }, "9")).toBe(true);
  expect(mayHold(undefined, {}, "1")).toBe(false);
});
