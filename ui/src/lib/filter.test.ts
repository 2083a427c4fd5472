// The filter that is sent to the server.
import { expect, test } from "vitest";
import { buildFilter, labelFacet, parseSort, quote, sortText } from "./filter";

test("no facet, no filter", () => {
  expect(buildFilter([])).toBeUndefined();
  expect(buildFilter([{ field: "state", value: undefined }], "  ")).toBeUndefined();
});

test("c10: facets and the user's own expression are joined by AND", () => {
  const facets = [
    { field: "state", value: "running" },
    { field: "host", value: "rack 1" },
  ];
  expect(buildFilter(facets, "memory_bytes>=1024")).toBe(
    'state=running AND host="rack 1" AND memory_bytes>=1024',
  );
});

test.each([
  ["web-1", "web-1"],
  ["a b", '"a b"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["x AND y=z", '"x AND y=z"'],
  ["", '""'],
])("%j is quoted as %s", (value, text) => expect(quote(value)).toBe(text));

test("a label facet keeps everything behind the first equals sign", () => {
  expect(labelFacet("tier=web=1")).toEqual({ field: "label.tier", value: "web=1" });
  expect(labelFacet("tier")).toBeUndefined();
  expect(labelFacet("=x")).toBeUndefined();
});

test("a sort order survives the URL", () => {
  for (const text of ["name", "-memory_bytes"]) {
    const sort = parseSort(text);
    expect(sort && sortText(sort)).toBe(text);
  }
  expect(parseSort(undefined)).toBeUndefined();
});
