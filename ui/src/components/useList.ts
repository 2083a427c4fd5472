// A list as pages show it: its rows so far, and how to get more. While the event
// stream is down the list is read from time to time instead.
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { isIncapable } from "../api/errors";
import { type ListName, type ListParams, listQuery, PAGE_SIZE, readWhole } from "../api/query";
import { useLive } from "../live/LiveProvider";

const POLL_MS = 15_000;

export function useList<N extends ListName>(
  name: N,
  params: ListParams = {},
  // `poll`: also what changes without an event; a number is how often, in milliseconds.
  {
    limit = PAGE_SIZE,
    enabled = true,
    poll = false,
  }: { limit?: number; enabled?: boolean; poll?: boolean | number } = {},
) {
  const live = useLive();
  const queries = useQueryClient();
  const query = useInfiniteQuery({
    ...listQuery(name, params, limit),
    enabled,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      if ((live.phase === "live" && !poll) || isIncapable(state.error)) return false;
      return typeof poll === "number" ? poll : POLL_MS;
    },
  });
  const { data, hasNextPage, isFetching, isFetchingNextPage, fetchNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  // While the whole list is read again, asking for more would be taken for asking for that; once
  // it is there this is another function, and who waits at the end of the list calls it.
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage({ cancelRefetch: false });
  }, [hasNextPage, isFetching, fetchNextPage]);
  const first = data?.pages[0];
  return {
    rows,
    more,
    hasMore: hasNextPage,
    readingMore: isFetchingNextPage,
    total: first?.approx_total,
    observedAt: first?.observed_at,
    stale: data?.pages.some((page) => page.stale) ?? false,
    /** Since when the part is old that is old the longest; pages may be read one after the other. */
    staleSince: earliest(data?.pages.map((page) => page.stale_since)),
    /** Who did not answer and is missing for that; the last page was read last. */
    silent: data?.pages.at(-1)?.silent ?? [],
    pending: query.isPending,
    /** The rows are those of the filter before; the new ones are being read. */
    changing: query.isPlaceholderData,
    error: query.error,
    refetch: query.refetch,
    /** Every row as it is now, for keeping; the list in view stays as it is. */
    readAll: () => readWhole(queries, name, params),
    /** Gets the rest into the list, and gives its rows; throws where one of the reads fails. */
    loadAll: async () => {
      if (!hasNextPage) return rows;
      let last = await fetchNextPage({ cancelRefetch: false, throwOnError: true });
      while (last.hasNextPage) {
        last = await last.fetchNextPage({ cancelRefetch: false, throwOnError: true });
      }
      return last.data?.pages.flatMap((page) => page.items) ?? [];
    },
  };
}

/** The first moment of some, of which any may be unknown. */
function earliest(moments: readonly (string | null | undefined)[] = []): string | undefined {
  const known = moments.filter((at) => at != null);
  return known.sort((one, other) => Date.parse(one) - Date.parse(other))[0];
}

export type ListState = Omit<ReturnType<typeof useList>, "rows" | "readAll" | "loadAll">;
