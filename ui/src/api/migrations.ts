// Where a VM can go, and sending it there.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import type { Operation } from "./types";

/** The hosts that a VM could go to, and why not to the others: as of now, and asked anew each time. */
export function destinationsQuery(vm: string) {
  return queryOptions({
    queryKey: ["destinations", vm],
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/vms/{vm}/destinations", { params: { path: { vm } }, signal })),
    staleTime: 0,
    gcTime: 0,
  });
}

/** `host`: its id; without it the provider chooses. */
export function migrate(vm: string, host: string | undefined): Promise<Operation> {
  const params = { path: { vm } };
  return body(client.POST("/api/v1/vms/{vm}/migrate", { params, body: { host } }));
}
