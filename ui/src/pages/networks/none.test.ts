// A network that could not be read is not one without a bridge.
import { expect, test } from "vitest";
import { UNKNOWN } from "../../lib/format";
import { none } from "./none";

test("a network that could not be read is not told to have no bridge and no subnets", () => {
  expect(none({ forward: "isolated" })).toBe("none");
  expect(none({ forward: "unknown" })).toBe(UNKNOWN);
});
