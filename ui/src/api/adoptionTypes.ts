// Types of adoption as crates/hostler-api/src/v1/adoptions.rs has them, until the
// generated ones do. To throw away then: this file, and its one use in types.ts.
import type { components } from "./generated/schema";

type Known = components["schemas"];

export interface AdoptionSchemas {
  PendingAdoption: {
    vm: Known["Ref"];
    status: string;
    origin: string;
    provider?: Known["Ref"] | null;
    host?: Known["Ref"] | null;
    external_ref?: string | null;
    state: string;
    cpu_count?: number | null;
    memory_bytes?: number | null;
    first_seen_at: string;
    simulated: boolean;
    adoptable: boolean;
    risks: AdoptionSchemas["AdoptionRisk"][];
    ignored?: AdoptionSchemas["AdoptionIgnored"] | null;
  };
  AdoptionRisk: { code: string; detail: string; forbids: boolean };
  AdoptionIgnored: { by: string; at: string; reason: string };
  AdoptionRequest: {
    name?: string | null;
    project?: string | null;
    read_only?: boolean;
    reason?: string | null;
  };
  AdoptionPlanned: {
    adoptable: boolean;
    spec: Known["VmSpec"];
    risks: AdoptionSchemas["AdoptionRisk"][];
  };
  AdoptionAction: "adopt" | "adopt_read_only" | "ignore";
  AdoptionDecisions: {
    action: AdoptionSchemas["AdoptionAction"];
    vms: string[];
    project?: string | null;
    reason?: string | null;
  };
  AdoptionResult: { vm: string; done: boolean; code?: string | null; error?: string | null };
  AdoptionDecided: { results: AdoptionSchemas["AdoptionResult"][] };
  VmAdopted: { by: string; at: string; read_only: boolean; reason?: string | null };
  /** Joined to the generated one. */
  Vm: { adopted?: AdoptionSchemas["VmAdopted"] | null };
}

interface Answer<T> {
  headers: { [name: string]: unknown };
  content: { "application/json": T };
}

interface PageOf<T> {
  items: T[];
  next_cursor?: string | null;
  observed_at?: string | null;
  stale: boolean;
  approx_total?: number | null;
}

interface ListQuery {
  limit?: number | null;
  cursor?: string | null;
  sort?: string | null;
  filter?: string | null;
  search?: string | null;
}

interface Call<Parameters, Body, Reply> {
  parameters: Parameters;
  requestBody: Body;
  responses: { 200: Reply };
}

interface Ask<Parameters, Reply> {
  parameters: Parameters;
  requestBody?: never;
  responses: { 200: Reply };
}

interface Sent<T> {
  content: { "application/json": T };
}

interface OfVm {
  path: { vm: string };
}

declare module "./generated/schema" {
  interface paths {
    "/api/v1/admin/pending-adoptions": {
      get: Ask<{ query?: ListQuery }, Answer<PageOf<AdoptionSchemas["PendingAdoption"]>>>;
      post: Call<
        Record<never, never>,
        Sent<AdoptionSchemas["AdoptionDecisions"]>,
        Answer<AdoptionSchemas["AdoptionDecided"]>
      >;
    };
    "/api/v1/admin/pending-adoptions/{vm}/plan": {
      post: Call<
        OfVm,
        Sent<AdoptionSchemas["AdoptionRequest"]>,
        Answer<AdoptionSchemas["AdoptionPlanned"]>
      >;
    };
    "/api/v1/admin/pending-adoptions/{vm}/adopt": {
      post: Call<
        { path: { vm: string } },
        Sent<AdoptionSchemas["AdoptionRequest"]>,
        Answer<Known["Vm"] & AdoptionSchemas["Vm"]>
      >;
    };
    "/api/v1/admin/pending-adoptions/{vm}/ignore": {
      post: Call<OfVm, Sent<{ reason: string }>, Answer<AdoptionSchemas["PendingAdoption"]>>;
    };
    "/api/v1/admin/pending-adoptions/{vm}/offer": {
      post: Ask<OfVm, Answer<AdoptionSchemas["PendingAdoption"]>>;
    };
    "/api/v1/vms/{vm}/release": {
      post: Ask<OfVm, { headers: { [name: string]: unknown }; content?: never }>;
    };
  }
}
