// Snapshots of a VM: nothing of them is stored by the server, so the list is what the VM's
// provider says when it is asked.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { keys, PAGE_SIZE } from "./query";
import type { Operation, Page, Snapshot, SnapshotRequest } from "./types";

/** All of them, oldest first. */
export function snapshotsQuery(vm: string) {
  return queryOptions({
    queryKey: keys.item("snapshots", vm),
    queryFn: async ({ signal }): Promise<Snapshot[]> => {
      const all: Snapshot[] = [];
      let cursor: string | undefined;
      do {
        const params = { path: { vm }, query: { limit: PAGE_SIZE, cursor } };
        const page: Page<Snapshot> = await body(
          client.GET("/api/v1/vms/{vm}/snapshots", { params, signal }),
        );
        all.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return all;
    },
  });
}

export function takeSnapshot(vm: string, request: SnapshotRequest): Promise<Operation> {
  const params = { path: { vm } };
  return body(client.POST("/api/v1/vms/{vm}/snapshots", { params, body: request }));
}

// By the reference, which is of one alone; several may have one name.

export function revertTo(vm: string, snapshot: Snapshot): Promise<Operation> {
  const params = { path: { vm, snapshot: snapshot.reference } };
  return body(client.POST("/api/v1/vms/{vm}/snapshots/{snapshot}/revert", { params }));
}

export function deleteSnapshot(vm: string, snapshot: Snapshot): Promise<Operation> {
  const params = { path: { vm, snapshot: snapshot.reference } };
  return body(client.DELETE("/api/v1/vms/{vm}/snapshots/{snapshot}", { params }));
}
