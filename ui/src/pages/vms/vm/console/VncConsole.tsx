// The guest's screen by noVNC over our own WebSocket, with the keys a browser
// keeps for itself, and pasting by typing.
import RFB from "@novnc/novnc";
import { Button, FormGroup, TextArea } from "@patternfly/react-core";
import { useCallback, useEffect, useRef, useState } from "react";
import { SHIFT, strokesOf } from "../../../../lib/keysyms";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";
import { ConsoleBanner } from "./ConsoleBanner";
import { type Attach, useConsole } from "./useConsole";

export function VncConsole({ vm, name }: { vm: string; name: string }) {
  const place = useRef<HTMLDivElement>(null);
  const rfb = useRef<RFB>(null);
  const [attach, setAttach] = useState<Attach>();
  const [fits, setFits] = useState(true);
  const [pasting, setPasting] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const { state, connect } = useConsole(vm, "vnc", attach);

  useEffect(() => {
    const target = place.current;
    if (!target) return;
    setAttach(() => (socket: WebSocket) => {
      const screen = new RFB(target, socket, { shared: true });
      screen.scaleViewport = true;
      screen.background = "#151515";
      screen.addEventListener("connect", () => screen.focus({ preventScroll: true }));
      screen.addEventListener("securityfailure", () => setTrouble("The screen refused the login."));
      screen.addEventListener("credentialsrequired", () =>
        setTrouble("The screen asks for a password, which Hostler does not have."),
      );
      rfb.current = screen;
      return () => {
        if (rfb.current === screen) rfb.current = null;
        screen.disconnect();
      };
    });
    return () => setAttach(undefined);
  }, []);
  useEffect(() => {
    if (!rfb.current) return;
    rfb.current.scaleViewport = fits;
    rfb.current.clipViewport = !fits;
  }, [fits]);

  const type = useCallback((text: string) => {
    const screen = rfb.current;
    if (!screen) return;
    for (const { keysym, shift } of strokesOf(text)) {
      if (shift) screen.sendKey(SHIFT, "ShiftLeft", true);
      screen.sendKey(keysym, null);
      if (shift) screen.sendKey(SHIFT, "ShiftLeft", false);
    }
    screen.focus();
  }, []);
  return (
    <div className="console">
      <div className="console-tools">
        <Button variant="secondary" size="sm" onClick={() => rfb.current?.sendCtrlAltDel()}>
          Ctrl-Alt-Del
        </Button>
        <Button variant="secondary" size="sm" onClick={() => setPasting(true)}>
          Paste as keys
        </Button>
        <Button variant="secondary" size="sm" aria-pressed={fits} onClick={() => setFits(!fits)}>
          {fits ? "Show 1:1" : "Fit"}
        </Button>
        <Button
          variant="secondary"
          size="sm"
          onClick={() => void place.current?.requestFullscreen()}
        >
          Full screen
        </Button>
        <Button variant="link" size="sm" onClick={() => connect()}>
          Reconnect
        </Button>
      </div>
      <ConsoleBanner state={state} onConnect={connect} />
      {trouble && <p className="stale">{trouble}</p>}
      <section
        className="screen"
        ref={place}
        aria-label={`Screen of ${name}`}
        data-phase={state.phase}
      />
      {pasting && <PasteDialog onClose={() => setPasting(false)} onPaste={type} />}
    </div>
  );
}

function PasteDialog({
  onClose,
  onPaste,
}: {
  onClose: () => void;
  onPaste: (text: string) => void;
}) {
  const [text, setText] = useState("");
  return (
    <ConfirmDialog
      title="Paste as keys"
      confirm="Type it"
      onClose={onClose}
      onConfirm={() => {
        onClose();
        onPaste(text);
      }}
    >
      <FormGroup
        label="The text is typed into the guest as if on a US keyboard."
        fieldId="paste-text"
      >
        <TextArea
          id="paste-text"
          value={text}
          resizeOrientation="vertical"
          onChange={(_event, next) => setText(next)}
        />
      </FormGroup>
    </ConfirmDialog>
  );
}
