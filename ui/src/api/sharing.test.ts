// What did not change is the same object, so that nobody draws it anew.
import { describe, expect, test } from "vitest";
import { isSame, shareRows } from "./sharing";

const row = (id: string, state = "running") => ({ id, status: { state }, addresses: ["10.0.0.1"] });
const list = (...pages: { id?: string }[][]) => ({
  pageParams: [null],
  pages: pages.map((items) => ({ items, next_cursor: null })),
});

describe("shareRows", () => {
  const old = list([row("1"), row("2")], [row("3")]);

  test("the same answer is the same object", () => {
    expect(shareRows(old, structuredClone(old))).toBe(old);
  });

  test("one changed row leaves all others, and other pages, as they are", () => {
    const next = list([row("1"), row("2", "paused")], [row("3")]);
    const shared = shareRows(old, next) as typeof old;
    expect(shared).toEqual(next);
    expect(shared.pages[0]?.items[0]).toBe(old.pages[0]?.items[0]);
    expect(shared.pages[0]?.items[1]).not.toBe(old.pages[0]?.items[1]);
    expect(shared.pages[1]).toBe(old.pages[1]);
  });

  test("rows that moved, because one is gone, stay the same objects", () => {
    const shared = shareRows(old, list([row("2"), row("3")], [])) as typeof old;
    expect(shared.pages[0]?.items[0]).toBe(old.pages[0]?.items[1]);
    expect(shared.pages[0]?.items[1]).toBe(old.pages[1]?.items[0]);
    expect(shared.pages[1]?.items).toEqual([]);
  });

  test("rows without an id are taken as they come", () => {
    const next = list([{}], []);
    expect(shareRows(list([{}], []), next)).toEqual(next);
  });

  test("a first answer has nothing to share with", () => {
    const next = list([row("1")]);
    expect(shareRows(undefined, next)).toBe(next);
  });
});

test("isSame", () => {
  const same: [unknown, unknown][] = [
    [{ a: [1, { b: null }] }, { a: [1, { b: null }] }],
    ["x", "x"],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
  ];
  for (const [one, other] of same) expect(isSame(one, other)).toBe(true);
  const different: [unknown, unknown][] = [
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: undefined }, { b: undefined }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [null, {}],
    [0, ""],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
  ];
  for (const [one, other] of different) {
    expect(isSame(one, other), JSON.stringify([one, other])).toBe(false);
    expect(isSame(other, one), JSON.stringify([other, one])).toBe(false);
  }
});
