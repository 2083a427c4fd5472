// Figures are written in the unit that people know them in.
import { expect, test } from "vitest";
import { figure, incrementsOf, secondsText, si, unitOf } from "./units";

test.each([
  [0, "bytes", "0 B"],
  [1024, "bytes", "1 KiB"],
  [1_536, "bytes", "1.5 KiB"],
  [5 * 2 ** 30, "bytes", "5 GiB"],
  [1_048_576, "bytes_per_second", "1 MiB/s"],
  [0.2, "bytes_per_second", "under 1 B/s"],
  [0, "bytes_per_second", "0 B/s"],
  [0.1234, "ratio", "12.3 %"],
  [0.0004, "ratio", "0.04 %"],
  [1, "ratio", "100 %"],
  [0, "ratio", "0 %"],
  [1_000, "per_second", "1 k/s"],
  [12_345_678, "per_second", "12.3 M/s"],
  [0.5, "per_second", "0.5/s"],
  [999.9, "count", "1 k"],
  [2.345, "cores", "2.35"],
  [null, "ratio", "—"],
  [undefined, "bytes", "—"],
  [Number.NaN, "seconds", "—"],
] as const)("%s as %s is %s", (value, unit, text) => {
  expect(figure(value, unit)).toBe(text);
});

test.each([
  [0.0004, "400 µs"],
  [0.0123, "12.3 ms"],
  [0.9999, "1 s"],
  [0.00099999, "1 ms"],
  [1.5, "1.5 s"],
  [90, "90 s"],
  [600, "10 min"],
  [7_200, "2 h"],
  [259_200, "3 d"],
  [3e-10, "0.3 ns"],
] as const)("%s s is %s", (value, text) => {
  expect(secondsText(value)).toBe(text);
});

test("bytes count by 1024 on the scale too, and all else by 1000", () => {
  expect(incrementsOf("bytes")).toContain(1024);
  expect(incrementsOf("bytes_per_second")?.every((step) => Number.isInteger(Math.log2(step)))).toBe(
    true,
  );
  expect(incrementsOf("ratio")).toBeUndefined();
  expect(si(1_000, "")).toBe("1 k");
});

test("a unit that this page does not know yet is a plain number", () => {
  expect(unitOf("bytes")).toBe("bytes");
  expect(unitOf("celsius")).toBe("count");
});
