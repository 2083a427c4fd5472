// A list as pages show it: its rows so far, and how to get more. While the event
// stream is down the list is read from time to time instead.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { type ListName, type ListParams, listQuery, PAGE_SIZE } from "../api/query";
import { useLive } from "../live/LiveProvider";

const POLL_MS = 15_000;

export function useList<N extends ListName>(
  name: N,
  params: ListParams = {},
  { limit = PAGE_SIZE, enabled = true } = {},
) {
  const live = useLive();
  const query = useInfiniteQuery({
    ...listQuery(name, params, limit),
    enabled,
    placeholderData: keepPreviousData,
    refetchInterval: live.phase === "live" ? false : POLL_MS,
  });
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage({ cancelRefetch: false });
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const first = data?.pages[0];
  return {
    rows,
    more,
    hasMore: hasNextPage,
    readingMore: isFetchingNextPage,
    total: first?.approx_total,
    observedAt: first?.observed_at,
    stale: data?.pages.some((page) => page.stale) ?? false,
    pending: query.isPending,
    /** The rows are those of the filter before; the new ones are being read. */
    changing: query.isPlaceholderData,
    error: query.error,
    refetch: query.refetch,
    readAll: async () => {
      let last = await fetchNextPage({ cancelRefetch: false });
      while (last.hasNextPage && !last.isError) {
        last = await last.fetchNextPage({ cancelRefetch: false });
      }
      return last.data?.pages.flatMap((page) => page.items) ?? [];
    },
  };
}

export type ListState = Omit<ReturnType<typeof useList>, "rows" | "readAll">;
