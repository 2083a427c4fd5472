// The serial line in a terminal: what the guest writes, and what is typed. The
// terminal keeps its lines over reconnects.
import "@xterm/xterm/css/xterm.css";
import { Button } from "@patternfly/react-core";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";
import { useToasts } from "../../../../components/Toasts";
import { ConsoleBanner } from "./ConsoleBanner";
import { type Attach, useConsole } from "./useConsole";

const SCROLLBACK = 5_000;
const COLOURS = { background: "#151515", foreground: "#e0e0e0", cursor: "#73c5c5" };

export function SerialConsole({ vm, name }: { vm: string; name: string }) {
  const place = useRef<HTMLDivElement>(null);
  const tools = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(null);
  const [attach, setAttach] = useState<Attach>();
  const { state, connect } = useConsole(vm, "serial", attach);
  const { fail } = useToasts();

  useEffect(() => {
    if (!place.current) return;
    const term = new Terminal({
      scrollback: SCROLLBACK,
      cursorBlink: true,
      fontFamily: '"Red Hat Mono", "DejaVu Sans Mono", monospace',
      fontSize: 13,
      theme: COLOURS,
      screenReaderMode: true,
    });
    const fit = new FitAddon();
    term.loadAddon(fit);
    term.open(place.current);
    const resize = () => fit.fit();
    resize();
    const watcher = new ResizeObserver(resize);
    watcher.observe(place.current);
    terminal.current = term;
    // The guest gets Tab, so the keyboard needs another way out.
    term.attachCustomKeyEventHandler((event) => {
      if (event.type !== "keydown" || event.key !== "Escape" || !event.shiftKey) return true;
      tools.current?.querySelector("button")?.focus();
      return false;
    });
    setAttach(() => attachTo(term));
    term.focus();
    return () => {
      watcher.disconnect();
      setAttach(undefined);
      terminal.current = null;
      term.dispose();
    };
  }, []);

  const copy = () => {
    const term = terminal.current;
    if (!term) return;
    const text = term.getSelection() || allLines(term);
    navigator.clipboard.writeText(text).catch((error) => fail("Cannot copy", error));
  };
  const paste = () => {
    navigator.clipboard
      .readText()
      .then((text) => terminal.current?.paste(text))
      .catch((error) => fail("Cannot paste", error));
  };
  return (
    <div className="console">
      <div className="console-tools" ref={tools}>
        <Button variant="secondary" size="sm" onClick={copy}>
          Copy
        </Button>
        <Button variant="secondary" size="sm" onClick={paste}>
          Paste
        </Button>
        <Button variant="secondary" size="sm" onClick={() => terminal.current?.clear()}>
          Clear
        </Button>
        <Button variant="link" size="sm" onClick={() => connect()}>
          Reconnect
        </Button>
        <span className="spring" />
        <span className="hint">Shift+Esc leaves the terminal</span>
      </div>
      <ConsoleBanner state={state} onConnect={connect} />
      {/* The terminal itself is a labelled text field inside. */}
      <section
        className="terminal"
        ref={place}
        aria-label={`Serial console of ${name}`}
        data-phase={state.phase}
      />
    </div>
  );
}

/** Joins a terminal and a socket, bytes both ways. */
function attachTo(term: Terminal): Attach {
  return (socket) => {
    const encoder = new TextEncoder();
    const send = (bytes: Uint8Array<ArrayBuffer>) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    };
    const typed = term.onData((text) => send(encoder.encode(text)));
    const raw = term.onBinary((text) => send(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    const heard = (event: MessageEvent) => {
      term.write(
        event.data instanceof ArrayBuffer ? new Uint8Array(event.data) : String(event.data),
      );
    };
    socket.addEventListener("message", heard);
    return () => {
      typed.dispose();
      raw.dispose();
      socket.removeEventListener("message", heard);
    };
  };
}

/** Everything the terminal still has, without the empty end. */
function allLines(term: Terminal): string {
  const buffer = term.buffer.active;
  const lines: string[] = [];
  for (let row = 0; row < buffer.length; row += 1) {
    lines.push(buffer.getLine(row)?.translateToString(true) ?? "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
