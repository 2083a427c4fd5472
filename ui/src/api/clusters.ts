// One cluster, compared with what is asked for; and what changes clusters. A kubeconfig
// goes through here to the server, and into no cache: mutations of the query cache keep
// what they were given, so these are plain calls.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { keys } from "./query";
import type { Cluster, ClusterKubeconfig, ClusterTested } from "./types";

/** What a cluster is compared with: names joined by commas. */
export interface Needs {
  features?: string;
  hardware?: string;
  /** The id of a template, or `ID@VERSION`, whose needs count, too. */
  template?: string;
}

/** What is said of some is no word of the rest (RFC 7396). */
const MERGE_PATCH = "application/merge-patch+json";

/** Ages grow, and not every change of what a cluster tells is an event, in milliseconds. */
export const CLUSTER_POLL_MS = 30_000;

export function clusterQuery(cluster: string, needs: Needs = {}) {
  return queryOptions({
    queryKey: [...keys.item("clusters", cluster), needs] as const,
    queryFn: ({ signal }) => {
      const params = { path: { cluster }, query: needs };
      return body(client.GET("/api/v1/clusters/{cluster}", { params, signal }));
    },
  });
}

export function testKubeconfig(given: ClusterKubeconfig): Promise<ClusterTested> {
  return body(client.POST("/api/v1/clusters/test", { body: given }));
}

export function addCluster(name: string, given: ClusterKubeconfig): Promise<Cluster> {
  return body(client.POST("/api/v1/clusters", { body: { name, ...given } }));
}

export function rotateKubeconfig(cluster: string, given: ClusterKubeconfig): Promise<Cluster> {
  const params = { path: { cluster } };
  return body(client.PUT("/api/v1/clusters/{cluster}/kubeconfig", { params, body: given }));
}

/** Says what of this hardware is there, or, by null, that hosts tell; of no other. */
export function declareHardware(
  cluster: string,
  hardware: Record<string, boolean | null>,
): Promise<Cluster> {
  const params = { path: { cluster } };
  const init = { params, body: { hardware }, headers: { "content-type": MERGE_PATCH } };
  return body(client.PATCH("/api/v1/clusters/{cluster}/hardware", init));
}

export function removeCluster(cluster: string): Promise<unknown> {
  return body(client.DELETE("/api/v1/clusters/{cluster}", { params: { path: { cluster } } }));
}
