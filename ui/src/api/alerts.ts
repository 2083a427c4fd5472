// One alert, read into the query cache.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { ApiError } from "./errors";
import { keys } from "./query";

/** Whether an alert is neither pending nor fires. */
export function isOver(error: unknown): boolean {
  return error instanceof ApiError && error.code === "alert_not_found";
}

/** That one holds on, or is pending no more, is no event: the page of one asks from time to time. */
export function alertQuery(alert: string) {
  return queryOptions({
    queryKey: keys.item("alerts", alert),
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/alerts/{alert}", { params: { path: { alert } }, signal })),
    // That it fires again is an event.
    refetchInterval: ({ state }) => (isOver(state.error) ? false : 15_000),
  });
}
