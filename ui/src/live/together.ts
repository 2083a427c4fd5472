// What the stream tells of several things, as if they were one: for a page of many,
// which wants to know when there is something to read.
import type { Figures } from "./figures";

/** Live, and told of, while any of them is; each news of one is news of all. */
export function together<T>(all: readonly Figures<T>[]): Figures<T> {
  let [isLive, news] = [false, 0];
  let newest: Figures<T> | undefined;
  for (const each of all) {
    isLive ||= each.isLive;
    news += each.news;
    if (each.last === undefined) continue;
    if (newest === undefined || (each.at ?? 0) > (newest.at ?? 0)) newest = each;
  }
  return newest ? { isLive, last: newest.last, at: newest.at, news } : { isLive, news };
}

/** Whether there is nothing new in the second. */
export function isSameTold(one: Figures<unknown>, other: Figures<unknown>): boolean {
  return (
    one.isLive === other.isLive &&
    one.news === other.news &&
    one.at === other.at &&
    one.last === other.last
  );
}
