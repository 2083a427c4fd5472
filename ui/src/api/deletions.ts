// What deleting a VM takes with it, read together with the version of the VM that it holds for.
import { queryOptions } from "@tanstack/react-query";
import { body, bodyAndTag, client } from "./client";
import type { VmDeletion } from "./types";

export interface ShownDeletion {
  deletion: VmDeletion;
  /** Of the VM, read before: whatever changed since, the server refuses. */
  etag: string | null;
}

export function deletionQuery(vm: string, disks: boolean) {
  const path = { vm };
  return queryOptions({
    queryKey: ["deletion", vm, disks],
    // Read for each question: an older answer is of another VM, as it were.
    staleTime: 0,
    gcTime: 0,
    queryFn: async ({ signal }): Promise<ShownDeletion> => {
      const { etag } = await bodyAndTag(
        client.GET("/api/v1/vms/{vm}", { params: { path }, signal }),
      );
      const params = { path, query: { disks } };
      const deletion = await body(client.GET("/api/v1/vms/{vm}/deletion", { params, signal }));
      return { deletion, etag };
    },
  });
}
