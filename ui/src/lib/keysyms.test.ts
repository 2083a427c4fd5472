// Pasting into a guest's screen.
import { expect, test } from "vitest";
import { strokesOf } from "./keysyms";

test("letters, shifted signs, line ends", () => {
  expect(strokesOf("aA!\r\n")).toEqual([
    { keysym: 0x61, shift: false },
    { keysym: 0x41, shift: true },
    { keysym: 0x21, shift: true },
    { keysym: 0xff0d, shift: false },
  ]);
});

test("letters beyond Latin-1 go as Unicode keysyms, control characters not at all", () => {
  expect(strokesOf("é€\u0007")).toEqual([
    { keysym: 0xe9, shift: false },
    { keysym: 0x0100_20ac, shift: false },
  ]);
});
