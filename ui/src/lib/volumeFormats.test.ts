// Which formats are offered where.
import { expect, test } from "vitest";
import { formatAt, formatOptions } from "./volumeFormats";

const values = (formats: Parameters<typeof formatOptions>[0]) =>
  formatOptions(formats).map(({ value }) => value);

test("what the place has is offered, and everything where that is not known", () => {
  expect(values(["raw"])).toEqual(["", "raw"]);
  expect(values(undefined)).toEqual(["", "qcow2", "raw"]);
  expect(values([])).toEqual(["", "qcow2", "raw"]);
  expect(formatOptions(["raw"])[0]?.text).toBe("What the provider keeps (raw)");
});

test("a choice stays where the place has it", () => {
  expect(formatAt("qcow2", ["raw"])).toBe("");
  expect(formatAt("raw", ["qcow2", "raw"])).toBe("raw");
  expect(formatAt("qcow2", undefined)).toBe("qcow2");
  expect(formatAt("", ["raw"])).toBe("");
});
