// What a guest writes to its serial line is shown, and leads nowhere.
import { Terminal } from "@xterm/xterm";
import { expect, test } from "vitest";
import { newTerminal } from "./terminal";

/** A link of a guest that would like the reader's password. */
const CANARY = "\x1b]8;;https://hostler.example.net/login\x1b\\Log in to Hostler\x1b]8;;\x1b\\";

/** The first line, and whether it is underlined as links are. */
async function shown(term: Terminal, output: string) {
  await new Promise<void>((resolve) => term.write(output, resolve));
  const line = term.buffer.active.getLine(0);
  const isLink = Boolean(line?.getCell(0)?.isUnderline());
  const text = line?.translateToString(true);
  term.dispose();
  return { text, isLink };
}

test.each([
  ["ended by ST", CANARY],
  ["ended by BEL", CANARY.replaceAll("\x1b\\", "\x07")],
  ["with an id", CANARY.replaceAll("8;;h", "8;id=1;h")],
])("a18: a link of the guest's, %s, is text", async (_how, output) => {
  const found = await shown(newTerminal(), output);
  expect(found).toEqual({ text: "Log in to Hostler", isLink: false });
});

test("a terminal without this rule makes it a link, so the test above can fail", async () => {
  const found = await shown(new Terminal(), CANARY);
  expect(found).toEqual({ text: "Log in to Hostler", isLink: true });
});

test("what the guest underlines itself stays underlined", async () => {
  expect((await shown(newTerminal(), "\x1b[4mboot\x1b[0m")).isLink).toBe(true);
});
