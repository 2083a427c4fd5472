// Making a VM of another one, or of one of its snapshots.
import { body, client } from "./client";
import type { Operation, VmCloneRequest } from "./types";

export function cloneVm(vm: string, request: VmCloneRequest): Promise<Operation> {
  const params = { path: { vm } };
  return body(client.POST("/api/v1/vms/{vm}/clone", { params, body: request }));
}
