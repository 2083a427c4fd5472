// What is measured of one thing, as it is measured, for a component; and when it is
// time to read what the stream does not tell.
import {
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { FigureStream, Figures, FigureTopic } from "./figures";
import { FigureContext } from "./LiveProvider";
import { isSameTold, together } from "./together";

const AWAY: Figures<never> = { isLive: false, news: 0 };

export function useFigures<T extends FigureTopic>(
  topic: T,
  id: string,
): ReturnType<typeof FigureStream.prototype.now<T>> {
  const stream = useContext(FigureContext);
  const subscribe = useCallback(
    (listener: () => void) => stream?.follow(topic, id, listener) ?? (() => {}),
    [stream, topic, id],
  );
  return useSyncExternalStore(subscribe, () => stream?.now(topic, id) ?? AWAY);
}

/** Of several things as of one: told while any of them is. */
export function useFiguresTogether(topic: FigureTopic, ids: readonly string[]): Figures<unknown> {
  const stream = useContext(FigureContext);
  // Whoever gives the same ids in another array means the same things.
  const key = ids.join(" ");
  const wanted = useMemo(() => key.split(" ").filter(Boolean), [key]);
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = wanted.map((id) => stream?.follow(topic, id, listener));
      return () => {
        for (const end of ends) end?.();
      };
    },
    [stream, topic, wanted],
  );
  const before = useRef<Figures<unknown>>(AWAY);
  return useSyncExternalStore(subscribe, () => {
    const now = together(wanted.map((id) => stream?.now(topic, id) ?? AWAY));
    if (!isSameTold(before.current, now)) before.current = now;
    return before.current;
  });
}

/** The history has a pass a moment after it ended, and passes come in twos and threes. */
const SETTLE_MS = 1_000;

/** `news`, a moment later and not more often than that. */
export function useSettled(news: number): number {
  const [settled, setSettled] = useState(news);
  const latest = useRef(news);
  latest.current = news;
  const isBehind = settled !== news;
  useEffect(() => {
    if (!isBehind) return;
    const timer = setTimeout(() => setSettled(latest.current), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [isBehind]);
  return settled;
}

/** Reads a query again at news, not at what was there when the component came. */
export function useReadAtNews(news: number, isWanted: boolean, read: () => void): void {
  const seen = useRef(news);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    if (!isWanted || seen.current === news) return;
    seen.current = news;
    latest.current();
  }, [news, isWanted]);
}
