// What can be done to a VM, as requests. Which of it is possible now the server
// says with each VM (`actions`); no rule about states stands here.
import { body, bodyAndTag, client } from "../../api/client";
import { isUnanswered } from "../../api/errors";
import type { Operation, Vm, VmPatch, VmSummary } from "../../api/types";

export const POWER_ACTIONS = [
  "start",
  "stop",
  "force_stop",
  "reboot",
  "reset",
  "pause",
  "resume",
  "save",
] as const;
export type PowerAction = (typeof POWER_ACTIONS)[number];
export type VmAction = PowerAction | "migrate" | "clone" | "delete";
/** What can be done to many at once, without anything to be said of each. */
export type BulkAction = PowerAction | "delete";

export const ACTION_TEXT: Record<VmAction, string> = {
  start: "Start",
  stop: "Stop",
  force_stop: "Force stop",
  reboot: "Reboot",
  reset: "Reset",
  pause: "Pause",
  resume: "Resume",
  save: "Save and stop",
  migrate: "Migrate",
  clone: "Clone",
  delete: "Delete",
};

/** What an action that may cost work does, said before it is done. */
export const ACTION_DANGER: Partial<Record<PowerAction, string>> = {
  force_stop: "Its power is cut. What the guest has not written to disk is lost.",
  reset: "Its reset button is pressed. What the guest has not written to disk is lost.",
};

export function act(vm: string, action: PowerAction): Promise<Operation> {
  const params = { path: { vm } };
  switch (action) {
    case "start":
      return body(client.POST("/api/v1/vms/{vm}/start", { params }));
    case "stop":
      return body(client.POST("/api/v1/vms/{vm}/stop", { params, body: { mode: "graceful" } }));
    case "force_stop":
      return body(client.POST("/api/v1/vms/{vm}/stop", { params, body: { mode: "force" } }));
    case "reboot":
      return body(client.POST("/api/v1/vms/{vm}/reboot", { params }));
    case "reset":
      return body(client.POST("/api/v1/vms/{vm}/reset", { params }));
    case "pause":
      return body(client.POST("/api/v1/vms/{vm}/pause", { params }));
    case "resume":
      return body(client.POST("/api/v1/vms/{vm}/resume", { params }));
    case "save":
      return body(client.POST("/api/v1/vms/{vm}/save", { params }));
  }
}

/** Deletes a VM; given `etag`, only as it was then. */
export function deleteVm(vm: string, disks: boolean, etag?: string | null): Promise<Operation> {
  const params = { path: { vm }, query: { disks } };
  const headers = etag ? { "if-match": etag } : {};
  return body(client.DELETE("/api/v1/vms/{vm}", { params, headers }));
}

/** Changes the version `etag` of the VM; gives the VM as it is then. */
export async function changeVm(
  vm: string,
  etag: string | null,
  patch: VmPatch,
): Promise<{ data: Vm; etag: string | null }> {
  const path = { vm };
  try {
    return await bodyAndTag(
      client.PATCH("/api/v1/vms/{vm}", {
        params: { path, header: { "If-Match": etag ?? "" } },
        headers: { "content-type": "application/merge-patch+json" },
        body: patch,
      }),
    );
  } catch (cause) {
    if (!isUnanswered(cause)) throw cause;
    // It may have been done all the same: what stands there now tells.
    const now = await bodyAndTag(client.GET("/api/v1/vms/{vm}", { params: { path } })).catch(() => {
      throw cause;
    });
    if (!isAsAsked(now.data, patch)) throw cause;
    return now;
  }
}

function isAsAsked(vm: Vm, { description, labels }: VmPatch): boolean {
  if (typeof description === "string" && vm.description !== description) return false;
  return Object.entries(labels ?? {}).every(([key, value]) =>
    value === null ? !Object.hasOwn(vm.labels, key) : vm.labels[key] === value,
  );
}

/** What is so where the server says that an action would change nothing. */
const ALREADY: Partial<Record<string, string>> = {
  start: "It runs already.",
  stop: "It is off already.",
  force_stop: "It is off already.",
  pause: "It is paused already.",
  resume: "It runs already.",
  save: "It is saved already.",
  delete: "It is being deleted already.",
};

/** Why there is no use in asking for `action` now; undefined when there is. */
export function idle(vm: Pick<VmSummary, "actions">, action: string): string | undefined {
  const already = vm.actions[action]?.already
    ? (ALREADY[action] ?? "It is so already.")
    : undefined;
  return refusal(vm, action) ?? already;
}

/** What to know before `action`, though it is possible; undefined where there is nothing. */
export function warning(vm: Pick<VmSummary, "actions">, action: string): string | undefined {
  return vm.actions[action]?.warning ?? undefined;
}

/** Why `action` is not possible now; undefined when it is. */
export function refusal(vm: Pick<VmSummary, "actions">, action: string): string | undefined {
  const verdict = vm.actions[action];
  if (!verdict) return "this server does not offer it";
  if (verdict.allowed) return undefined;
  return verdict.reason ?? verdict.code ?? "not possible now";
}
