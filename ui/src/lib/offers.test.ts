// How instance types and preferences are named.
import { expect, test } from "vitest";
import type { InstanceType } from "../api/types";
import { among, named, offerOf, sizeText } from "./offers";

const fact = <T>(value: T | null) => ({ value, quality: "ok", source: "test" });

const TYPE = {
  id: "p/shop/u1.small",
  name: "u1.small",
  namespace: "shop",
  provider: { id: "p", name: "eu" },
  cpu_count: fact(1),
  memory_bytes: fact(2 ** 31),
} as unknown as InstanceType;

test("e8: an id is read back into provider and name", () => {
  expect(offerOf("p/u1.small")).toEqual({ provider: "p", named: { name: "u1.small" } });
  expect(offerOf(TYPE.id)).toEqual({
    provider: "p",
    named: { name: "u1.small", namespace: "shop" },
  });
  expect(offerOf("")).toBeUndefined();
  expect(offerOf("p")).toBeUndefined();
  expect(named({ name: "a", namespace: null })).toBe("a");
  expect(named({ name: "a", namespace: "b" })).toBe("b/a");
});

test("e8: a size in a line; one that is not told is no zero", () => {
  expect(sizeText(TYPE)).toBe("shop/u1.small: 1 processor, 2 GiB (eu)");
  const unread = { ...TYPE, cpu_count: fact(null) } as InstanceType;
  expect(sizeText(unread)).not.toMatch(/\b0\b|null/);
});

test("those of another provider are not offered once one is chosen", () => {
  const other = { ...TYPE, id: "q/x", provider: { id: "q", name: "us" } };
  expect(among([TYPE, other], undefined)).toHaveLength(2);
  expect(among([TYPE, other], "q")).toEqual([other]);
});
