// The serial line in a terminal: what the guest writes, and what is typed. The
// terminal keeps its lines over reconnects.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import type { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";
import { ConsoleBanner } from "./ConsoleBanner";
import { SerialTools } from "./SerialTools";
import { newTerminal } from "./terminal";
import { type Attach, useConsole } from "./useConsole";

const SCROLLBACK = 5_000;
const FONT = "Red Hat Mono";
const FONT_SIZE = 13;
const COLOURS = { background: "#151515", foreground: "#e0e0e0", cursor: "#73c5c5" };

interface Props {
  vm: string;
  name: string;
  /** Whether connecting cuts off somebody unseen; it then waits for the reader. */
  cutsOff: boolean;
}

export function SerialConsole({ vm, name, cutsOff }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const tools = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(null);
  const [attach, setAttach] = useState<Attach>();
  const { state, connect } = useConsole(vm, "serial", attach, !cutsOff);

  useEffect(() => {
    const ended = new AbortController();
    // Letters are measured once: with those of another font, the last lines would not fit.
    void document.fonts
      .load(`${FONT_SIZE}px "${FONT}"`)
      .catch(() => []) // then it is the next font in the list, for good
      .then(() => {
        if (ended.signal.aborted || !place.current) return;
        const term = openTerminal(place.current, ended.signal, () =>
          tools.current?.querySelector("button")?.focus(),
        );
        terminal.current = term;
        setAttach(() => attachTo(term));
        term.focus();
      });
    return () => {
      setAttach(undefined);
      terminal.current = null;
      ended.abort();
    };
  }, []);
  return (
    <div className="console">
      <div className="console-tools" ref={tools}>
        <SerialTools
          name={name}
          terminal={terminal}
          onFullScreen={() => void place.current?.requestFullscreen()}
          onReconnect={() => connect()}
        />
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

/** A terminal that fills `place` until `ended`. */
function openTerminal(place: HTMLElement, ended: AbortSignal, onLeave: () => void): Terminal {
  const term = newTerminal({
    scrollback: SCROLLBACK,
    cursorBlink: true,
    fontFamily: `"${FONT}", "DejaVu Sans Mono", monospace`,
    fontSize: FONT_SIZE,
    theme: COLOURS,
    screenReaderMode: true,
  });
  const fit = new FitAddon();
  term.loadAddon(fit);
  term.open(place);
  fit.fit();
  const watcher = new ResizeObserver(() => fit.fit());
  watcher.observe(place);
  // The guest gets Tab, so the keyboard needs another way out.
  term.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown" || event.key !== "Escape" || !event.shiftKey) return true;
    onLeave();
    return false;
  });
  ended.addEventListener("abort", () => {
    watcher.disconnect();
    term.dispose();
  });
  return term;
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
