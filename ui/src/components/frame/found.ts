// What the palette finds at the server. Each kind is settled by itself: what fails or may not
// be seen hides nothing else.
import type { LinkOptions } from "@tanstack/react-router";
import { body, client } from "../../api/client";
import type { VmSummary } from "../../api/types";
import { UNKNOWN, words } from "../../lib/format";
import { placeText } from "../../lib/place";
import { paths } from "../../paths";

export interface Entry {
  id: string;
  text: string;
  /** What kind of thing it is, and what tells it from others of its name. */
  about: string;
  go: LinkOptions | (() => void);
}

/** So many of a kind are offered; more letters find the others. */
const LIMIT = 8;

/** `mayInfra`: whether hosts and clusters may be seen. */
export async function search(
  typed: string,
  mayInfra: boolean,
  signal: AbortSignal,
): Promise<Entry[]> {
  const params = { query: { search: typed, limit: LIMIT, sort: "name" } };
  const kinds = [vms(params, signal)];
  if (mayInfra) kinds.push(hosts(params, signal), clusters(params, signal));
  const settled = await Promise.allSettled(kinds);
  const found = settled.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const failed = settled.find((one) => one.status === "rejected");
  if (failed && settled.every(({ status }) => status === "rejected")) throw failed.reason;
  return found;
}

interface Params {
  query: { search: string; limit: number; sort: string };
}

async function vms(params: Params, signal: AbortSignal): Promise<Entry[]> {
  const { items } = await body(client.GET("/api/v1/vms", { params, signal }));
  return items.map((vm: VmSummary) => ({
    id: vm.id,
    text: vm.name,
    about: [
      "VM",
      words(vm.status.state),
      vm.host?.name,
      // Elsewhere the host tells two of one name apart.
      vm.namespace && placeText(vm) !== UNKNOWN ? placeText(vm) : undefined,
    ]
      .filter(Boolean)
      .join(" · "),
    go: paths.vm(vm.id),
  }));
}

async function hosts(params: Params, signal: AbortSignal): Promise<Entry[]> {
  const { items } = await body(client.GET("/api/v1/hosts", { params, signal }));
  return items.map((host) => ({
    id: host.id,
    text: host.name,
    about: `host · ${words(host.state)}`,
    go: paths.host(host.id),
  }));
}

async function clusters(params: Params, signal: AbortSignal): Promise<Entry[]> {
  const { items } = await body(client.GET("/api/v1/clusters", { params, signal }));
  return items.map((cluster) => ({
    id: cluster.id,
    text: cluster.name,
    about: `cluster · ${words(cluster.health)}`,
    go: paths.cluster(cluster.id),
  }));
}
