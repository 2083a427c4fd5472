// The query cache: its keys, and how lists and single things are read into it.
// Live events name things by kind and id, so the keys do too.
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { body, bodyAndTag, client } from "./client";
import { ApiError } from "./errors";
import { shareRows } from "./sharing";
import type {
  Agent,
  Alert,
  AlertEntry,
  AlertReceiver,
  AlertRule,
  Cluster,
  CustomSeries,
  Host,
  HostlerEvent,
  Image,
  InstanceType,
  Migration,
  Network,
  Operation,
  OutputStatus,
  Page,
  PendingAdoption,
  Pool,
  Preference,
  Provider,
  Silence,
  Template,
  VmSummary,
  Volume,
} from "./types";

/** What the server takes for every list. */
export interface ListParams {
  sort?: string;
  filter?: string;
  search?: string;
}

/** Names of lists, as in the URL. */
export type ListName = keyof ListItems;

interface ListItems {
  vms: VmSummary;
  adoptions: PendingAdoption;
  hosts: Host;
  pools: Pool;
  networks: Network;
  images: Image;
  templates: Template;
  operations: Operation;
  providers: Provider;
  clusters: Cluster;
  migrations: Migration;
  instanceTypes: InstanceType;
  preferences: Preference;
  events: HostlerEvent;
  alerts: Alert;
  alertHistory: AlertEntry;
  silences: Silence;
  rules: AlertRule;
  receivers: AlertReceiver;
  agents: Agent;
  outputs: OutputStatus;
  customMetrics: CustomSeries;
}

export const keys = {
  server: ["server"] as const,
  session: ["session"] as const,
  lists: (name: ListName) => ["list", name] as const,
  list: (name: ListName, params: ListParams) => ["list", name, params] as const,
  whole: (name: ListName, params: ListParams) => ["whole", name, params] as const,
  volumes: (pool: string) => ["volumes", pool] as const,
  /** Snapshots and disks are read with their VM, by its id. */
  item: (name: ListName | "snapshots" | "disks", id: string) => ["item", name, id] as const,
  definition: (vm: string) => ["definition", vm] as const,
};

/** Rows of a page: few enough for a quick first paint, enough for a long scroll. */
export const PAGE_SIZE = 500;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // Events tell what changed; time alone makes nothing old.
        staleTime: 60_000,
        gcTime: 120_000,
        refetchOnWindowFocus: false,
        retry: (count, error) => count < 2 && error instanceof ApiError && error.problem.retryable,
      },
      mutations: { retry: false },
    },
  });
}

export const serverQuery = queryOptions({
  queryKey: keys.server,
  queryFn: ({ signal }) => body(client.GET("/api/v1", { signal })),
});

export const sessionQuery = queryOptions({
  queryKey: keys.session,
  queryFn: ({ signal }) => body(client.GET("/api/v1/session", { signal })),
  retry: (count, error) => count < 3 && !(error instanceof ApiError && error.status === 401),
});

interface PageQuery extends ListParams {
  limit: number;
  cursor: string | undefined;
}

type Reader<T> = (query: PageQuery, signal: AbortSignal) => Promise<Page<T>>;

const readers: { [N in ListName]: Reader<ListItems[N]> } = {
  vms: (query, signal) => body(client.GET("/api/v1/vms", { params: { query }, signal })),
  adoptions: (query, signal) =>
    body(client.GET("/api/v1/admin/pending-adoptions", { params: { query }, signal })),
  hosts: (query, signal) => body(client.GET("/api/v1/hosts", { params: { query }, signal })),
  pools: (query, signal) => body(client.GET("/api/v1/pools", { params: { query }, signal })),
  networks: (query, signal) => body(client.GET("/api/v1/networks", { params: { query }, signal })),
  images: (query, signal) => body(client.GET("/api/v1/images", { params: { query }, signal })),
  templates: (query, signal) =>
    body(client.GET("/api/v1/templates", { params: { query }, signal })),
  operations: (query, signal) =>
    body(client.GET("/api/v1/operations", { params: { query }, signal })),
  providers: (query, signal) =>
    body(client.GET("/api/v1/providers", { params: { query }, signal })),
  clusters: (query, signal) => body(client.GET("/api/v1/clusters", { params: { query }, signal })),
  migrations: (query, signal) =>
    body(client.GET("/api/v1/migrations", { params: { query }, signal })),
  instanceTypes: (query, signal) =>
    body(client.GET("/api/v1/instance-types", { params: { query }, signal })),
  preferences: (query, signal) =>
    body(client.GET("/api/v1/preferences", { params: { query }, signal })),
  events: (query, signal) =>
    body(client.GET("/api/v1/events/history", { params: { query }, signal })),
  alerts: (query, signal) => body(client.GET("/api/v1/alerts", { params: { query }, signal })),
  alertHistory: (query, signal) =>
    body(client.GET("/api/v1/alerts/history", { params: { query }, signal })),
  silences: (query, signal) => body(client.GET("/api/v1/silences", { params: { query }, signal })),
  rules: (query, signal) => body(client.GET("/api/v1/alert-rules", { params: { query }, signal })),
  receivers: (query, signal) =>
    body(client.GET("/api/v1/alert-receivers", { params: { query }, signal })),
  agents: (query, signal) => body(client.GET("/api/v1/agents", { params: { query }, signal })),
  outputs: (query, signal) => body(client.GET("/api/v1/outputs", { params: { query }, signal })),
  customMetrics: (query, signal) =>
    body(client.GET("/api/v1/metrics/custom", { params: { query }, signal })),
};

/** A list, page by page as the reader gets there. */
export function listQuery<N extends ListName>(name: N, params: ListParams = {}, limit = PAGE_SIZE) {
  return infiniteQueryOptions({
    queryKey: keys.list(name, params),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      readers[name]({ ...params, limit, cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    structuralSharing: shareRows,
  });
}

/**
 * Every row that the server has now, past the cache: rows in a cached list may have changed since,
 * or fit its filter no more.
 */
export async function readWhole<N extends ListName>(
  queries: QueryClient,
  name: N,
  params: ListParams,
): Promise<ListItems[N][]> {
  const { pages } = await queries.fetchInfiniteQuery({
    queryKey: keys.whole(name, params),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      readers[name]({ ...params, limit: PAGE_SIZE, cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    pages: Number.POSITIVE_INFINITY,
    staleTime: 0,
    gcTime: 0,
  });
  return pages.flatMap((page) => page.items);
}

export function volumesQuery(pool: string) {
  return infiniteQueryOptions({
    queryKey: keys.volumes(pool),
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }): Promise<Page<Volume>> => {
      const params = { path: { pool }, query: { limit: PAGE_SIZE, cursor: pageParam } };
      return body(client.GET("/api/v1/pools/{pool}/volumes", { params, signal }));
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** A VM, with the ETag for changing it. */
export function vmQuery(vm: string) {
  return queryOptions({
    queryKey: keys.item("vms", vm),
    queryFn: ({ signal }) =>
      bodyAndTag(client.GET("/api/v1/vms/{vm}", { params: { path: { vm } }, signal })),
  });
}

export function definitionQuery(vm: string) {
  return queryOptions({
    queryKey: keys.definition(vm),
    queryFn: ({ signal }): Promise<string> =>
      body(
        client.GET("/api/v1/vms/{vm}/definition", {
          params: { path: { vm } },
          parseAs: "text",
          signal,
        }),
      ),
  });
}

export function hostQuery(host: string) {
  return queryOptions({
    queryKey: keys.item("hosts", host),
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/hosts/{host}", { params: { path: { host } }, signal })),
  });
}

export function poolQuery(pool: string) {
  return queryOptions({
    queryKey: keys.item("pools", pool),
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/pools/{pool}", { params: { path: { pool } }, signal })),
  });
}

export function networkQuery(network: string) {
  return queryOptions({
    queryKey: keys.item("networks", network),
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/networks/{network}", { params: { path: { network } }, signal })),
  });
}
