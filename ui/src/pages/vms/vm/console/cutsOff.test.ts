// Which consoles are not opened unasked.
import { expect, test } from "vitest";
import type { Vm } from "../../../../api/types";
import { cutsOff } from "./cutsOff";

const of = (kinds: string[] | undefined) =>
  ({ console_limits: kinds && { cuts_off_unseen: kinds } }) as unknown as Vm;

test("those of which the provider says so, and all where it says nothing", () => {
  expect(cutsOff(of(["serial"]), "serial")).toBe(true);
  expect(cutsOff(of(["serial"]), "vnc")).toBe(false);
  expect(cutsOff(of([]), "serial")).toBe(false);
  expect(cutsOff(of(undefined), "serial")).toBe(true);
});
