// Pasting into a guest's screen.
import { expect, test } from "vitest";
import { COMBINATIONS, strokesOf } from "./keysyms";

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

test("combinations have names of their own and end with the key that is no modifier", () => {
  expect(new Set(COMBINATIONS.map(({ text }) => text)).size).toBe(COMBINATIONS.length);
  const reset = COMBINATIONS.find(({ text }) => text === "Ctrl-Alt-Del");
  expect(reset?.keys.map(({ keysym }) => keysym)).toEqual([0xffe3, 0xffe9, 0xffff]);
  expect(COMBINATIONS.find(({ text }) => text === "Ctrl-Alt-F7")?.keys.at(-1)?.keysym).toBe(0xffc4);
});
