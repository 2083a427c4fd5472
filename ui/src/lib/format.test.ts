// What people read: sizes, ages and counts.
import { describe, expect, test } from "vitest";
import { age, bytes, bytesArgument, count, duration, parseBytes } from "./format";

describe("bytes", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [2 * 1024 ** 3, "2 GiB"],
    [10.5 * 1024 ** 3, "10.5 GiB"],
    [131 * 1024 ** 3, "131 GiB"],
  ])("%d is written %s", (value, text) => expect(bytes(value)).toBe(text));

  test("x17: the unknown is never written as zero", () => {
    expect(bytes(null)).toBe("—");
    expect(bytes(undefined)).toBe("—");
    expect(bytes(Number.NaN)).toBe("—");
  });

  test.each([
    ["10G", 10 * 1024 ** 3],
    ["1.5 GiB", 1.5 * 1024 ** 3],
    ["512 mb", 512 * 1024 ** 2],
    ["7", 7],
  ])("%s is read as %d", (text, value) => expect(parseBytes(text)).toBe(value));

  test("a bare number counts in the field's own unit", () => {
    expect(parseBytes("2", "G")).toBe(2 * 1024 ** 3);
  });

  test.each(["", "G", "-1G", "1X", "1e400", "99999999T"])("%j is no size", (text) =>
    expect(parseBytes(text)).toBeUndefined(),
  );

  test("an argument is exact, whatever its unit", () => {
    for (const value of [1, 1000, 1024, 1536, 10 * 1024 ** 3, 5 * 1024 ** 4]) {
      expect(parseBytes(bytesArgument(value))).toBe(value);
    }
    expect(bytesArgument(4 * 1024 ** 3)).toBe("4G");
  });
});

describe("times", () => {
  test.each([
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [7800, "2 h"],
    [86_400, "24 h"],
    [4 * 86_400, "4 d"],
    [-5, "0 s"],
  ])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

  test("what was never seen has no age", () => {
    expect(age(null, 0)).toBe("—");
    expect(age("soon", 0)).toBe("—");
    expect(age("1970-01-01T00:00:00Z", 90_000)).toBe("1 min");
  });
});

test("one VM, two VMs, many VMs", () => {
  expect(count(1, "VM")).toBe("1 VM");
  expect(count(0, "VM")).toBe("0 VMs");
  expect(count(10_000, "VM")).toBe("10 000 VMs");
});
