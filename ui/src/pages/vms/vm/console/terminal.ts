// The terminal that shows a serial line. What the guest writes is not to be
// trusted: it may fill the screen, and do nothing beyond it.
import { type ITerminalOptions, Terminal } from "@xterm/xterm";

/** "Operating system command" 8: the text that follows is a link to any address. */
const OSC_LINK = 8;

/** A terminal in which no text of the guest's leads anywhere. */
export function newTerminal(options: ITerminalOptions = {}): Terminal {
  const term = new Terminal(options);
  // A guest could write "log in to Hostler" over an address of its own. Such text stays text.
  term.parser.registerOscHandler(OSC_LINK, () => true);
  return term;
}
