// For tests of clusters: clusters as the server tells them, and pages at an address.
import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act } from "react";
import { vi } from "vitest";
import { keys, makeQueryClient } from "../../api/query";
import type { Cluster, ClusterFeature, Session } from "../../api/types";
import { clusterSearch, listSearch } from "../../lib/search";
import { pass } from "../../testing/page";
import { rendered } from "../../testing/rendered";
import ClustersPage from "./ClustersPage";
import ClusterPage from "./cluster/ClusterPage";

export const MANAGER = ["infra.read", "provider.manage"];

export function feature(name: string, part: Partial<ClusterFeature> = {}): ClusterFeature {
  return { name, enabled: true, stage: "ga", why: "done since 1.4", inferred: false, ...part };
}

export function cluster(name: string, part: Partial<Cluster> = {}): Cluster {
  return {
    id: `id-${name}`,
    name,
    kind: "kubevirt",
    uri: "https://10.0.0.1:6443",
    source: "kubeconfig",
    simulated: false,
    health: "healthy",
    reasons: [],
    reported_at: "2026-11-22T06:00:00Z",
    age_seconds: 4,
    stale: false,
    failure: null,
    watch_lags: [{ kind: "virtualmachines", silent_seconds: 2, stale_since: null }],
    capabilities: {
      version: "1.7.0",
      detected_at: "2026-11-22T06:00:00Z",
      enabled_features: ["GPU"],
      features: [
        feature("GPU"),
        feature("Sidecar", {
          enabled: false,
          stage: "alpha",
          why: "its feature gate is off",
          remedy: "turn its feature gate on",
        }),
        feature("VideoConfig", {
          enabled: null,
          stage: "unknown",
          why: "nothing is known of it",
          inferred: true,
        }),
      ],
      hardware: [
        { name: "kvm", present: true, hosts: 3, source: "allocatable of 3 nodes", declared: false },
        {
          name: "fpga",
          present: null,
          hosts: null,
          source: "nobody",
          declared: false,
        },
      ],
      upgrades: {
        value: [
          { version: "1.8", changes: [] },
          {
            version: "1.9",
            changes: [
              { name: "Sidecar", turns_on: true, why: "beta is on from 1.9", inferred: false },
            ],
          },
        ],
        quality: "ok",
        source: "kubevirt",
        observed_at: "2026-11-22T06:00:00Z",
        reason: null,
      },
    },
    storage_classes: [{ name: "fast", provisioner: "ceph", default: true, can_grow: null }],
    declared_hardware: {},
    vm_count: 30,
    host_count: 3,
    kubeconfig: {
      server: "https://10.0.0.1:6443",
      context: "admin",
      namespaces: ["shop", "bank"],
      allow_exec: false,
      given_at: "2026-11-22T05:00:00Z",
      given_by: "user:ada",
    },
    ...part,
  };
}

/** The page at an address, for somebody with these permissions. */
export async function opened(at: string, permissions: string[] = MANAGER) {
  const queries = makeQueryClient();
  const session: Partial<Session> = { actor: "token:ci", role: "reader", permissions };
  queries.setQueryData(keys.session, session as Session);
  const root = createRootRoute();
  const list = createRoute({
    getParentRoute: () => root,
    path: "/clusters",
    validateSearch: listSearch,
    component: ClustersPage,
  });
  const one = createRoute({
    getParentRoute: () => root,
    path: "/clusters/$clusterId",
    validateSearch: clusterSearch,
    component: ClusterPage,
  });
  const history = createMemoryHistory({ initialEntries: [at] });
  const router = createRouter({ routeTree: root.addChildren([list, one]), history });
  await router.load();
  const { place } = await rendered(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return { place, history, queries };
}

/** Puts text into a field that is not a line. */
export async function paste(text: string): Promise<void> {
  const area = document.querySelector<HTMLTextAreaElement>(".kubeconfig textarea");
  if (!area) throw new Error("there is no kubeconfig field");
  await act(async () => {
    // As a browser does it: past the property by which React knows what it set itself.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(area, text);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** The rows of a table by its label. */
export function table(place: Element, label: string): (string | null)[][] {
  return [...place.querySelectorAll(`table[aria-label="${label}"] tbody tr`)].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.textContent),
  );
}

/** Templates that a cluster can be compared with. */
const TEMPLATES = [
  {
    id: "t1",
    name: "worker",
    versions: [
      { number: 1, state: "archived" },
      { number: 2, state: "active" },
    ],
  },
];

/** The page of one cluster, and what was asked for it. */
export async function page(at: string, one: Cluster, permissions?: string[]) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname, search } = new URL(request.url, "http://localhost");
    const isTemplates = pathname === "/api/v1/templates";
    if (!isTemplates) asked.push(search);
    const body = isTemplates ? { items: TEMPLATES, stale: false } : one;
    return new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } });
  });
  const all = await opened(at, permissions);
  await pass();
  return { ...all, asked };
}
