// What clusters tell, in words. What cannot be told is said so, and never counts as there.
import type { Cluster, ClusterFeature, ClusterWatchLag } from "../api/types";
import { duration, UNKNOWN } from "./format";
import type { FeatureState } from "./search";

/** How a cluster was given. A word that is new here is shown as it is. */
export const SOURCES: Record<string, string> = {
  configuration: "the server's configuration",
  address: "its address",
  kubeconfig: "its kubeconfig",
};

export function stateOf({ enabled }: ClusterFeature): FeatureState {
  if (enabled == null) return "unknown";
  return enabled ? "on" : "off";
}

/** How far what is known may be behind the cluster, by the kind that is worst off. */
export function worstLag(lags: readonly ClusterWatchLag[]): string {
  if (lags.length === 0) return UNKNOWN;
  const old = lags.filter(({ stale_since: since }) => since != null);
  if (old.length > 0) return `stale: ${old.map(({ kind }) => kind).join(", ")}`;
  const never = lags.filter(({ silent_seconds: silent }) => silent == null);
  if (never.length > 0) return `never heard: ${never.map(({ kind }) => kind).join(", ")}`;
  return duration(Math.max(...lags.map(({ silent_seconds: silent }) => silent ?? 0)));
}

/** Whether `worstLag` is a length of time, which is as of when the cluster told. */
export function isSilence(lags: readonly ClusterWatchLag[]): boolean {
  return (
    lags.length > 0 &&
    lags.every(({ silent_seconds: silent, stale_since: since }) => silent != null && !since)
  );
}

/** Names that stand between commas or spaces, each once. */
export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}

/** Features whose name or reason has the text, and that are in the state. */
export function narrowed(
  features: readonly ClusterFeature[],
  text: string | undefined,
  state: FeatureState | undefined,
): ClusterFeature[] {
  const wanted = (text ?? "").toLowerCase();
  return features.filter((feature) => {
    const { name, why, remedy } = feature;
    if (state !== undefined && stateOf(feature) !== state) return false;
    return [name, why, remedy ?? ""].some((part) => part.toLowerCase().includes(wanted));
  });
}

/** Why its kubeconfig cannot be replaced here. */
export function notRotatable({ source }: Cluster): string | undefined {
  return source === "kubeconfig" ? undefined : "it was not added by a kubeconfig";
}

/** Why it cannot be removed here. */
export function notRemovable({ source }: Cluster): string | undefined {
  return source === "configuration" ? "it stands in the server's configuration" : undefined;
}
