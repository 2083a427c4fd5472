// Editing labels as text.
import { expect, test } from "vitest";
import { labelLines, labelPatch, parseLabels } from "./labels";

test("labels survive being text", () => {
  const labels = { tier: "web", "example.org/a": "b=c" };
  expect(parseLabels(labelLines(labels))).toEqual({ labels });
});

test("what is no label is told with its line", () => {
  expect(parseLabels("a=1\n\nb").fault).toBe("line 3: write it as key=value");
  expect(parseLabels("a=1\na=2").fault).toBe("line 2: a is there twice");
  expect(parseLabels("=1").fault).toBeDefined();
});

test("a patch holds only what changed, and null for what went", () => {
  expect(labelPatch({ a: "1", b: "2", c: "3" }, { a: "1", b: "9", d: "4" })).toEqual({
    c: null,
    b: "9",
    d: "4",
  });
});
