// Text as key strokes, for pasting into a screen that has no clipboard. Keys are
// X keysyms; shift is held where a US keyboard needs it, because hypervisors
// take the key and not the letter.

export interface Stroke {
  keysym: number;
  shift: boolean;
}

export const SHIFT = 0xffe1;
const RETURN = 0xff0d;
const TAB = 0xff09;
const SHIFTED = '~!@#$%^&*()_+{}|:"<>?';

/** One stroke for each character; characters that no keyboard has are left out. */
export function strokesOf(text: string): Stroke[] {
  const strokes: Stroke[] = [];
  for (const letter of text.replaceAll("\r\n", "\n")) {
    const point = letter.codePointAt(0) ?? 0;
    if (letter === "\n" || letter === "\r") strokes.push({ keysym: RETURN, shift: false });
    else if (letter === "\t") strokes.push({ keysym: TAB, shift: false });
    else if (point >= 0x20 && point <= 0x7e) {
      strokes.push({ keysym: point, shift: SHIFTED.includes(letter) || /[A-Z]/.test(letter) });
    } else if (point >= 0xa0 && point <= 0xff) strokes.push({ keysym: point, shift: false });
    else if (point > 0xff) strokes.push({ keysym: 0x0100_0000 | point, shift: false });
  }
  return strokes;
}

/** Keys pressed in this order and let go in the other. */
export interface Combination {
  text: string;
  keys: readonly { keysym: number; code: string }[];
}

const CONTROL = { keysym: 0xffe3, code: "ControlLeft" };
const ALT = { keysym: 0xffe9, code: "AltLeft" };
const F1 = 0xffbe;

/** What a browser or a desktop would keep for itself. */
export const COMBINATIONS: readonly Combination[] = [
  { text: "Ctrl-Alt-Del", keys: [CONTROL, ALT, { keysym: 0xffff, code: "Delete" }] },
  { text: "Ctrl-Alt-Backspace", keys: [CONTROL, ALT, { keysym: 0xff08, code: "Backspace" }] },
  ...[1, 2, 3, 4, 5, 6, 7].map((number) => ({
    text: `Ctrl-Alt-F${number}`,
    keys: [CONTROL, ALT, { keysym: F1 + number - 1, code: `F${number}` }],
  })),
  { text: "Alt-Tab", keys: [ALT, { keysym: TAB, code: "Tab" }] },
  { text: "Alt-F4", keys: [ALT, { keysym: F1 + 3, code: "F4" }] },
  { text: "Super", keys: [{ keysym: 0xffeb, code: "MetaLeft" }] },
  { text: "Print Screen", keys: [{ keysym: 0xff61, code: "PrintScreen" }] },
];
