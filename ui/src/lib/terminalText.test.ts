import { expect, test } from "vitest";
import { allText, findUpwards, type Lines } from "./terminalText";

function linesOf(...texts: string[]): Lines {
  return {
    length: texts.length,
    getLine: (row) => {
      const text = texts[row];
      return text === undefined ? undefined : { translateToString: () => text };
    },
  };
}

const LOG = linesOf("boot", "Error: disk error", "ready", "", "");

test("all text ends where the guest's last word does", () => {
  expect(allText(LOG)).toBe("boot\nError: disk error\nready\n");
});

test("the latest comes first, then what stands before it, then the latest again", () => {
  const first = findUpwards(LOG, "error");
  expect(first).toEqual({ row: 1, column: 12 });
  const second = findUpwards(LOG, "error", first);
  expect(second).toEqual({ row: 1, column: 0 });
  expect(findUpwards(LOG, "error", second)).toEqual(first);
});

test("what is not there, and nothing, are not found", () => {
  expect(findUpwards(LOG, "panic")).toBeUndefined();
  expect(findUpwards(LOG, "")).toBeUndefined();
  expect(findUpwards(linesOf(), "x")).toBeUndefined();
});
