// How a page of figures keeps up: told by the live stream when there is something to
// read, or looking from time to time where that is away.
import { type UseQueryOptions, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { MEASURED_LIVE_MS, MEASURED_MS } from "../../api/metrics";
import type { Measured } from "../../api/types";
import type { Figures } from "../../live/figures";
import { useReadAtNews, useSettled } from "../../live/useFigures";
import type { Feed } from "./Board";

export function useFeed({ isLive, last, news }: Figures<unknown>): Feed {
  const settled = useSettled(news);
  // A thing that the stream does not tell of may be measured all the same.
  const isTold = isLive && last !== undefined;
  return useMemo(() => ({ isLive: isTold, news: settled }), [isTold, settled]);
}

export function useMeasured<K extends readonly unknown[]>(
  query: UseQueryOptions<Measured, Error, Measured, K>,
  { isLive, news }: Feed,
) {
  const measured = useQuery({
    ...query,
    refetchInterval: isLive ? MEASURED_LIVE_MS : MEASURED_MS,
  });
  useReadAtNews(news, true, () => void measured.refetch({ cancelRefetch: false }));
  return measured;
}
