// Two VMs of one name in two namespaces are told apart.
import { expect, test } from "vitest";
import { placeText } from "./place";

test("a namespace stands with its provider, where there is one", () => {
  const provider = { id: "p", name: "edge" };
  expect(placeText({ provider, namespace: "shop" })).toBe("edge / shop");
  expect(placeText({ provider, namespace: null })).toBe("edge");
  expect(placeText({ provider })).toBe("edge");
  expect(placeText({ provider: null, namespace: "shop" })).toBe("—");
});
