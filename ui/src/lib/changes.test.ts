import { expect, test } from "vitest";
import type { VmSpec } from "../api/types";
import { fieldName, fieldValue, keeperName, resized, takesEffect } from "./changes";

const spec = {
  name: "web",
  cpu: { count: 2, max_count: 4, mode: "host_model" },
  memory: { bytes: 1024, hugepages: true },
} as unknown as VmSpec;

test("only processors and memory differ", () => {
  expect(resized(spec, 3, 2048)).toEqual({
    ...spec,
    cpu: { count: 3, max_count: 4, mode: "host_model" },
    memory: { bytes: 2048, hugepages: true },
  });
});

test("more processors than there could be lift what there can be", () => {
  expect(resized(spec, 8, 1024).cpu).toEqual({ count: 8, max_count: null, mode: "host_model" });
});

test("fields, values and times are words", () => {
  expect(fieldName({ path: "/cpu/count" })).toBe("Processors");
  expect(fieldName({ path: "/nics/0/model" })).toBe("/nics/0/model");
  expect(fieldValue("/memory/bytes", 1024 ** 3)).toBe("1 GiB");
  expect(fieldValue("/tpm", null)).toBe("nothing");
  expect(fieldValue("/boot", [{ disk: "root" }])).toBe('[{"disk":"root"}]');
  expect(takesEffect({ takes: "next_start", reason: null })).toBe("at its next start");
  expect(takesEffect({ takes: "refused", reason: "it stays" })).toBe("never: it stays");
  expect(keeperName({ tool: "flux", name: "apps" })).toBe("flux (apps)");
});
