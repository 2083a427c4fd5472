// How the charts of the fleet keep up: the stream tells of the VMs that they compare,
// and with those everything else was measured, too. Following all VMs would be some
// megabytes a pass for a large fleet, to learn the same.
import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { paceQuery, ranksQuery } from "../../api/metrics";
import { followedOf, TOPS } from "../../lib/charts/fleet";
import { isLive, type RangeSearch, rangeOf } from "../../lib/charts/range";
import type { Figures } from "../../live/figures";
import { useFiguresTogether } from "../../live/useFigures";
import type { Feed } from "./Board";
import { useFeed } from "./useFeed";

const NOBODY: readonly string[] = [];

export interface FleetFeed {
  /** Whether there is a history to read, as far as known. */
  hasHistory: boolean;
  feed: Feed;
  figures: Figures<unknown>;
  /** How many VMs are followed. */
  followed: number;
}

export function useFleetFeed(search: RangeSearch, count: number): FleetFeed {
  const { range: span, from, to } = search;
  const range = useMemo(() => rangeOf({ range: span, from, to }), [span, from, to]);
  // Without a history nobody can be compared.
  const hasHistory = useQuery(paceQuery).isSuccess;
  const follows = hasHistory && isLive(search);
  const compared = useQueries({
    // Read by the charts themselves; here it is only looked at.
    queries: TOPS.map((top) => ({ ...ranksQuery(top, count, range), enabled: follows })),
    combine: idsOf,
  });
  const known = useFollowed(compared);
  const ids = follows ? known : NOBODY;
  const figures = useFiguresTogether("vm:metrics", ids);
  return { hasHistory, feed: useFeed(figures), figures, followed: ids.length };
}

function idsOf(answers: readonly { data?: string[] }[]): string[] {
  return answers.flatMap(({ data }) => data ?? []);
}

function useFollowed(compared: readonly string[]): readonly string[] {
  const [followed, setFollowed] = useState(NOBODY);
  const next = followedOf(followed, compared);
  if (next !== followed) setFollowed(next);
  return next;
}
