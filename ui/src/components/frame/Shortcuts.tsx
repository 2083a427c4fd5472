// Keys that work on every page: Ctrl-K (⌘K) for the palette, `?` for the list of
// keys, `g` and a letter for a page. What they open is loaded when first wanted.
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { isForPage } from "../../lib/shortcuts";
import { TOP_PAGES } from "./pages";

const Palette = lazy(() => import("./Palette").then(({ Palette }) => ({ default: Palette })));
const ShortcutSheet = lazy(() =>
  import("./ShortcutSheet").then(({ ShortcutSheet }) => ({ default: ShortcutSheet })),
);

/** How long `g` waits for its second key. */
const CHORD_MS = 1_500;
/** What the masthead's button says to open the palette. */
export const OPEN_PALETTE = "hostler:palette";

export function Shortcuts() {
  const [open, setOpen] = useState<"palette" | "sheet">();
  const navigate = useNavigate();
  useEffect(() => {
    let chordUntil = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
        // A terminal's own Ctrl-K cuts a line; the guest keeps it.
        if (event.target instanceof Element && event.target.closest(".terminal, .screen")) return;
        event.preventDefault();
        setOpen("palette");
        return;
      }
      if (!isForPage(event)) return;
      const page = TOP_PAGES.find(({ key }) => key === event.key);
      if (event.timeStamp < chordUntil && page) {
        event.preventDefault();
        void navigate(page.link);
      } else if (event.key === "?") {
        event.preventDefault();
        setOpen("sheet");
      }
      chordUntil = event.key === "g" ? event.timeStamp + CHORD_MS : 0;
    };
    const asked = () => setOpen("palette");
    // Before a table's own keys, one of which may be the second of a chord.
    document.addEventListener("keydown", pressed, { capture: true });
    document.addEventListener(OPEN_PALETTE, asked);
    return () => {
      document.removeEventListener("keydown", pressed, { capture: true });
      document.removeEventListener(OPEN_PALETTE, asked);
    };
  }, [navigate]);
  const close = () => setOpen(undefined);
  return (
    <Suspense>
      {open === "palette" && <Palette onClose={close} />}
      {open === "sheet" && <ShortcutSheet onClose={close} />}
    </Suspense>
  );
}
