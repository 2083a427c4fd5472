// The guest's screen by noVNC over our own WebSocket, with the keys a browser
// keeps for itself, and pasting by typing.
import RFB from "@novnc/novnc";
import { useCallback, useEffect, useRef, useState } from "react";
import { type Combination, SHIFT, strokesOf } from "../../../../lib/keysyms";
import { saveFile } from "../../../../lib/saveFile";
import { ConsoleBanner } from "./ConsoleBanner";
import { ScreenTools } from "./ScreenTools";
import { type Attach, useConsole } from "./useConsole";

export function VncConsole({ vm, name }: { vm: string; name: string }) {
  const place = useRef<HTMLDivElement>(null);
  const rfb = useRef<RFB>(null);
  const [attach, setAttach] = useState<Attach>();
  const [fits, setFits] = useState(true);
  const [viewOnly, setViewOnly] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const { state, connect } = useConsole(vm, "vnc", attach);

  useEffect(() => {
    const target = place.current;
    if (!target) return;
    setAttach(() => (socket: WebSocket) => {
      const screen = new RFB(target, socket, { shared: true });
      screen.scaleViewport = true;
      screen.background = "#151515";
      screen.addEventListener("connect", () => {
        // What an earlier connection came to grief on is over.
        setTrouble(undefined);
        screen.focus({ preventScroll: true });
      });
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
  const { phase } = state;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new connection is to obey, too
  useEffect(() => {
    if (!rfb.current) return;
    rfb.current.scaleViewport = fits;
    rfb.current.clipViewport = !fits;
    rfb.current.viewOnly = viewOnly;
  }, [fits, viewOnly, phase]);

  const press = useCallback(({ keys }: Combination) => {
    const screen = rfb.current;
    if (!screen) return;
    for (const { keysym, code } of keys) screen.sendKey(keysym, code, true);
    for (const { keysym, code } of keys.toReversed()) screen.sendKey(keysym, code, false);
    screen.focus();
  }, []);
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
        <ScreenTools
          fits={fits}
          viewOnly={viewOnly}
          onFits={setFits}
          onViewOnly={setViewOnly}
          onKeys={press}
          onType={type}
          // Before the first picture there is none.
          onPicture={() => rfb.current?.toBlob((blob) => blob && saveFile(`${name}.png`, blob))}
          onFullScreen={() => void place.current?.requestFullscreen()}
          onReconnect={() => connect()}
        />
      </div>
      <ConsoleBanner state={state} onConnect={connect} />
      {trouble && <p className="stale">{trouble}</p>}
      <section
        className="screen"
        ref={place}
        aria-label={`Screen of ${name}`}
        data-phase={state.phase}
      />
    </div>
  );
}
