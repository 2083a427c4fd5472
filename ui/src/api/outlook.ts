// What will be of a VM, a host or a pool. The server computes it from the history when
// it is asked, which costs it something: what was told a while ago is still shown.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { isIncapable } from "./errors";
import type { Outlook } from "./types";

/** What there are outlooks of, as in the URL. */
export type OutlookOf = "vms" | "hosts" | "pools";

/** The values that it is made of are means of 5 minutes and more. */
const FRESH_MS = 300_000;
/** So many times as old, what it says of now is not of now. */
const OLD_TIMES = 3;

/** Whether what was computed `at` is too old, `now`, to be read as of the present. */
export function isOld(at: string, now: number): boolean {
  return now - Date.parse(at) > OLD_TIMES * FRESH_MS;
}

export function outlookQuery(of: OutlookOf, id: string, horizonSeconds: number) {
  return queryOptions({
    queryKey: ["outlook", of, id, horizonSeconds] as const,
    queryFn: ({ signal }) => ask(of, id, horizonSeconds, signal),
    staleTime: FRESH_MS,
    refetchInterval: ({ state }) => (isIncapable(state.error) ? false : FRESH_MS),
    // Nothing is read again while nobody looks.
    refetchOnWindowFocus: true,
  });
}

/** The client's own types forget that a step is four numbers. */
function ask(of: OutlookOf, id: string, seconds: number, signal: AbortSignal): Promise<Outlook> {
  const query = { horizon_seconds: seconds };
  const answer = {
    vms: () =>
      client.GET("/api/v1/vms/{vm}/outlook", { params: { path: { vm: id }, query }, signal }),
    hosts: () =>
      client.GET("/api/v1/hosts/{host}/outlook", { params: { path: { host: id }, query }, signal }),
    pools: () =>
      client.GET("/api/v1/pools/{pool}/outlook", { params: { path: { pool: id }, query }, signal }),
  }[of]();
  return body(answer as Parameters<typeof body>[0]) as Promise<Outlook>;
}
