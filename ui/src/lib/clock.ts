// The page's idea of "now": the server's clock, so that ages are right on a
// laptop whose clock is not, and one timer for all that shows an age.
import { useSyncExternalStore } from "react";

const TICK_MS = 5_000;

let offset = 0;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  now = Date.now() + offset;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Takes the server's present time, as it just told it. */
export function setServerNow(at: string): void {
  const then = Date.parse(at);
  if (Number.isNaN(then)) return;
  offset = then - Date.now();
  tick();
}

/** Now by the server's clock, in milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** The same, for what is on the page; renders anew every few seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
