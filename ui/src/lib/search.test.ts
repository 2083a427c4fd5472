// URLs are typed by people and cut by mail programs.
import { expect, test } from "vitest";
import { createSearch, poolSearch, rootSearch, vmSearch, vmsSearch } from "./search";

test("what is no value of the page's is dropped", () => {
  expect(vmSearch({ tab: "settings", console: "spice" })).toEqual({});
  expect(vmsSearch({ state: { a: 1 }, host: "", sort: null })).toEqual({});
  expect(createSearch({ step: 2 })).toEqual({});
  expect(poolSearch({ tab: "metrics", horizon: "8d" })).toEqual({});
  expect(rootSearch({ ops: "yes" })).toEqual({});
});

test("a name made of digits stays text", () => {
  expect(vmsSearch({ search: 42 }).search).toBe("42");
});

test("known values are kept", () => {
  expect(vmSearch({ tab: "console", console: "vnc" })).toEqual({ tab: "console", console: "vnc" });
  expect(poolSearch({ tab: "outlook", horizon: "90d" })).toEqual({
    tab: "outlook",
    horizon: "90d",
  });
  expect(rootSearch({ ops: true })).toEqual({ ops: true });
});
