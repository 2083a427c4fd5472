// What can be decided about VMs that were made elsewhere, as requests; and where in a
// form the server's refusals belong.
import { body, bodyAndTag, client } from "../../api/client";
import { problemOf } from "../../api/errors";
import type {
  AdoptionAction,
  AdoptionPlanned,
  AdoptionRequest,
  AdoptionResult,
  PendingAdoption,
  Vm,
} from "../../api/types";
import type { FieldFaults, FieldName } from "../../lib/adoption";
import type { Known } from "./WhatItIs";

/** A VM, as far as a decision needs it: its id, its name at the provider, and which it is. */
export interface Decided extends Known {
  id: string;
  name: string;
}

export function planAdoption(
  vm: string,
  request: AdoptionRequest,
  signal: AbortSignal,
): Promise<AdoptionPlanned> {
  return body(
    client.POST("/api/v1/admin/pending-adoptions/{vm}/plan", {
      params: { path: { vm } },
      body: request,
      signal,
    }),
  );
}

/** Gives the VM as it is then, with the ETag for changing it. */
export function adoptVm(
  vm: string,
  request: AdoptionRequest,
): Promise<{ data: Vm; etag: string | null }> {
  return bodyAndTag(
    client.POST("/api/v1/admin/pending-adoptions/{vm}/adopt", {
      params: { path: { vm } },
      body: request,
    }),
  );
}

export function ignoreVm(vm: string, reason: string): Promise<PendingAdoption> {
  return body(
    client.POST("/api/v1/admin/pending-adoptions/{vm}/ignore", {
      params: { path: { vm } },
      body: { reason },
    }),
  );
}

export function offerVm(vm: string): Promise<PendingAdoption> {
  return body(
    client.POST("/api/v1/admin/pending-adoptions/{vm}/offer", { params: { path: { vm } } }),
  );
}

export function releaseVm(vm: string): Promise<unknown> {
  return body(client.POST("/api/v1/vms/{vm}/release", { params: { path: { vm } } }));
}

/** So many VMs are decided about in one request. */
export const DECISIONS_MAX = 100;

/** What goes with a decision about many. */
export interface Terms {
  project?: string;
  reason?: string;
}

export async function decideAbout(
  action: AdoptionAction,
  vms: string[],
  terms: Terms,
): Promise<AdoptionResult[]> {
  const decided = await body(
    client.POST("/api/v1/admin/pending-adoptions", { body: { action, vms, ...terms } }),
  );
  return decided.results;
}

const FIELDS: Record<string, FieldName> = {
  "/name": "name",
  "/project": "project",
  "/reason": "reason",
};

/** What a refusal says of single fields. */
export function faultsIn(error: unknown): FieldFaults {
  if (!error) return {};
  const problem = problemOf(error);
  const faults: FieldFaults = {};
  for (const { pointer, detail } of problem.errors ?? []) {
    const field = Object.hasOwn(FIELDS, pointer) ? FIELDS[pointer] : undefined;
    if (field) faults[field] ??= detail;
  }
  if (problem.code === "vm_exists") faults.name ??= problem.detail || problem.title;
  return faults;
}
