// Changing what a VM is: what it would do, and doing it.
import { body, client } from "./client";
import type { Operation, VmChangePlanned, VmChangeRequest } from "./types";

/** What a change would do; nothing is done. */
export function planChange(vm: string, request: VmChangeRequest): Promise<VmChangePlanned> {
  const params = { path: { vm } };
  return body(client.POST("/api/v1/vms/{vm}/spec/plan", { params, body: request }));
}

/** Changes the version `etag` of the VM. */
export function changeSpec(
  vm: string,
  etag: string | null,
  request: VmChangeRequest,
): Promise<Operation> {
  const params = { path: { vm }, header: { "If-Match": etag ?? "" } };
  return body(client.PUT("/api/v1/vms/{vm}/spec", { params, body: request }));
}
