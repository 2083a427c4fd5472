// Which rows of a long table are in the document: those in view and some beside
// them. Every row has the same height, so this is arithmetic and never measures.
import { type RefObject, useLayoutEffect, useState } from "react";
import { flushSync } from "react-dom";

/** Also in table.css. */
export const ROW_HEIGHT = 37;
/** Rows kept beyond each edge, so that scrolling shows no gap. */
const OVERSCAN = 6;
/** The window moves by so many rows at a time: one change for several rows costs less than several. */
const STEP = 4;
/** Before anything was measured: as many as a common window shows. */
const FIRST_HEIGHT = 700;

/** Rows from `first` up to, without, `end`. */
export interface RowWindow {
  first: number;
  end: number;
}

/** The rows to show when `top` pixels are scrolled away and `height` are in view. */
export function rowWindow(top: number, height: number, count: number): RowWindow {
  const toStep = ROW_HEIGHT * STEP;
  const above = Math.floor(Math.max(0, top) / toStep) * STEP - OVERSCAN;
  const below = Math.ceil((Math.max(0, top) + height) / toStep) * STEP + OVERSCAN;
  const end = Math.min(count, below);
  return { first: Math.max(0, Math.min(above, end)), end };
}

export interface Scrolled extends RowWindow {
  /** Whether the table is wider than what is in view. */
  sideways: boolean;
}

/** Follows the scrolling of `scroller`; renders anew only when other rows are wanted. */
export function useRowWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  minWidth: number,
): Scrolled {
  const [seen, setSeen] = useState({ top: 0, height: FIRST_HEIGHT, width: minWidth });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let { scrollTop: top, clientHeight: height, clientWidth: width } = element;
    setSeen({ top, height, width });
    const scrolled = () => {
      const old = rowWindow(top, height, Number.MAX_SAFE_INTEGER);
      const next = rowWindow(element.scrollTop, height, Number.MAX_SAFE_INTEGER);
      if (old.first === next.first && old.end === next.end) return;
      top = element.scrollTop;
      // In the same frame; a later one would show a gap first.
      flushSync(() => setSeen({ top, height, width }));
    };
    const resized = new ResizeObserver(() => {
      ({ scrollTop: top, clientHeight: height, clientWidth: width } = element);
      setSeen({ top, height, width });
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      resized.disconnect();
    };
  }, [scroller]);
  return { ...rowWindow(seen.top, seen.height, count), sideways: seen.width < minWidth };
}
