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
