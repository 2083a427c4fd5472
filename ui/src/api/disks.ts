// Disks of a VM that exists: what its provider says when it is asked, beside what was asked for.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { keys, PAGE_SIZE } from "./query";
import type { DiskSpec, Operation, Page, VmDisk } from "./types";

/** All of them, in the order that the VM has them. */
export function disksQuery(vm: string) {
  return queryOptions({
    queryKey: keys.item("disks", vm),
    queryFn: async ({ signal }): Promise<VmDisk[]> => {
      const all: VmDisk[] = [];
      let cursor: string | undefined;
      do {
        const params = { path: { vm }, query: { limit: PAGE_SIZE, cursor } };
        const page: Page<VmDisk> = await body(
          client.GET("/api/v1/vms/{vm}/disks", { params, signal }),
        );
        all.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return all;
    },
  });
}

export function attachDisk(vm: string, disk: DiskSpec): Promise<Operation> {
  return body(client.POST("/api/v1/vms/{vm}/disks", { params: { path: { vm } }, body: disk }));
}

/** To so many bytes; by the reference, as for detaching. */
export function growDisk(vm: string, disk: VmDisk, capacityBytes: number): Promise<Operation> {
  const params = { path: { vm, disk: disk.reference ?? disk.name } };
  const sized = { capacity_bytes: capacityBytes };
  return body(client.POST("/api/v1/vms/{vm}/disks/{disk}/grow", { params, body: sized }));
}

/** By the reference, which is of one alone; one that is missing has a name only. */
export function detachDisk(vm: string, disk: VmDisk, deleteVolume: boolean): Promise<Operation> {
  const path = { vm, disk: disk.reference ?? disk.name };
  const params = { path, query: { delete_volume: deleteVolume } };
  return body(client.DELETE("/api/v1/vms/{vm}/disks/{disk}", { params }));
}
