// Reads the search part of URLs. Whatever somebody typed there, a page gets
// values of the kind it expects or none.
import { type RangeSearch, rangeSearch } from "./charts/range";

export type RawSearch = Record<string, unknown>;

/** Text; the router reads `search=123` as a number, here it is text again. */
export function text(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return undefined;
}

/** One of `words`, or none. */
export function oneOf<T extends string>(words: readonly T[], value: unknown): T | undefined {
  return words.find((word) => word === value);
}

export interface RootSearch {
  /** Whether the drawer of operations is open. */
  ops?: true;
}

export function rootSearch(raw: RawSearch): RootSearch {
  return raw.ops === true ? { ops: true } : {};
}

export interface ListSearch {
  search?: string;
  sort?: string;
}

export function listSearch(raw: RawSearch): ListSearch {
  return { search: text(raw.search), sort: text(raw.sort) };
}

export interface VmsSearch extends ListSearch {
  state?: string;
  provider?: string;
  host?: string;
  /** `key=value`. */
  label?: string;
  /** The reader's own filter, in the server's language. */
  filter?: string;
  /** Ids of columns that are not shown, joined by commas. */
  hide?: string;
}

export function vmsSearch(raw: RawSearch): VmsSearch {
  return {
    ...listSearch(raw),
    state: text(raw.state),
    provider: text(raw.provider),
    host: text(raw.host),
    label: text(raw.label),
    filter: text(raw.filter),
    hide: text(raw.hide),
  };
}

/** Which VMs that were made elsewhere are shown; none: those that wait. */
export const ADOPTION_SHOWN = ["ignored", "adopted", "all"] as const;
export type AdoptionShown = (typeof ADOPTION_SHOWN)[number];

export interface AdoptionSearch extends ListSearch {
  show?: AdoptionShown;
  origin?: string;
}

export function adoptionSearch(raw: RawSearch): AdoptionSearch {
  return { ...listSearch(raw), show: oneOf(ADOPTION_SHOWN, raw.show), origin: text(raw.origin) };
}

/** How far an outlook can look ahead. */
export const HORIZONS = ["1d", "7d", "30d", "90d"] as const;
export type Horizon = (typeof HORIZONS)[number];

export interface OutlookSearch {
  horizon?: Horizon;
}

export function outlookSearch(raw: RawSearch): OutlookSearch {
  return { horizon: oneOf(HORIZONS, raw.horizon) };
}

export const VM_TABS = [
  "overview",
  "console",
  "metrics",
  "outlook",
  "disks",
  "network",
  "snapshots",
  "migrations",
  "config",
  "events",
  "operations",
] as const;
export type VmTab = (typeof VM_TABS)[number];
export const CONSOLES = ["serial", "vnc"] as const;
export type ConsoleWord = (typeof CONSOLES)[number];

export interface VmSearch extends RangeSearch, OutlookSearch {
  tab?: VmTab;
  console?: ConsoleWord;
}

export function vmSearch(raw: RawSearch): VmSearch {
  return {
    tab: oneOf(VM_TABS, raw.tab),
    console: oneOf(CONSOLES, raw.console),
    ...rangeSearch(raw),
    ...outlookSearch(raw),
  };
}

export const HOST_TABS = ["overview", "metrics", "outlook"] as const;
export type HostTab = (typeof HOST_TABS)[number];

export interface HostSearch extends RangeSearch, OutlookSearch {
  tab?: HostTab;
}

export function hostSearch(raw: RawSearch): HostSearch {
  return { tab: oneOf(HOST_TABS, raw.tab), ...rangeSearch(raw), ...outlookSearch(raw) };
}

export const POOL_TABS = ["overview", "outlook"] as const;
export type PoolTab = (typeof POOL_TABS)[number];

export interface PoolSearch extends OutlookSearch {
  tab?: PoolTab;
}

export function poolSearch(raw: RawSearch): PoolSearch {
  return { tab: oneOf(POOL_TABS, raw.tab), ...outlookSearch(raw) };
}

export const CLUSTER_TABS = ["overview", "features", "types"] as const;
export type ClusterTab = (typeof CLUSTER_TABS)[number];

/** Whether a feature can be used, as far as that can be told. */
export const FEATURE_STATES = ["on", "off", "unknown"] as const;
export type FeatureState = (typeof FEATURE_STATES)[number];

export interface ClusterSearch {
  tab?: ClusterTab;
  search?: string;
  state?: FeatureState;
  /** What a template would need, joined by commas. */
  features?: string;
  hardware?: string;
  template?: string;
}

export function clusterSearch(raw: RawSearch): ClusterSearch {
  return {
    tab: oneOf(CLUSTER_TABS, raw.tab),
    search: text(raw.search),
    state: oneOf(FEATURE_STATES, raw.state),
    features: text(raw.features),
    hardware: text(raw.hardware),
    template: text(raw.template),
  };
}

/** How many VMs may be compared. */
export const TOP_COUNTS = [5, 10, 20] as const;
export type TopCount = (typeof TOP_COUNTS)[number];

export const METRICS_TABS = ["charts", "agents", "outputs", "custom"] as const;
export type MetricsTab = (typeof METRICS_TABS)[number];

export interface MetricsSearch extends RangeSearch, ListSearch {
  tab?: MetricsTab;
  top?: TopCount;
  state?: string;
  quality?: string;
}

export function metricsSearch(raw: RawSearch): MetricsSearch {
  return {
    tab: oneOf(METRICS_TABS, raw.tab),
    top: TOP_COUNTS.find((count) => count === raw.top),
    ...listSearch(raw),
    state: text(raw.state),
    quality: text(raw.quality),
    ...rangeSearch(raw),
  };
}

export const ALERT_TABS = ["alerts", "history", "silences", "rules", "receivers"] as const;
export type AlertTab = (typeof ALERT_TABS)[number];

export interface AlertsSearch extends ListSearch {
  tab?: AlertTab;
  state?: string;
  severity?: string;
  /** Who cares for it: a word of `CARES`. */
  care?: string;
  change?: string;
  health?: string;
}

export function alertsSearch(raw: RawSearch): AlertsSearch {
  return {
    ...listSearch(raw),
    tab: oneOf(ALERT_TABS, raw.tab),
    state: text(raw.state),
    severity: text(raw.severity),
    care: text(raw.care),
    change: text(raw.change),
    health: text(raw.health),
  };
}

export interface CreateSearch {
  step?: "review";
}

export function createSearch(raw: RawSearch): CreateSearch {
  return { step: oneOf(["review"] as const, raw.step) };
}

export interface OperationsSearch extends ListSearch {
  state?: string;
  vm?: string;
}

export function operationsSearch(raw: RawSearch): OperationsSearch {
  return { ...listSearch(raw), state: text(raw.state), vm: text(raw.vm) };
}

export interface MigrationsSearch extends ListSearch {
  phase?: string;
}

export function migrationsSearch(raw: RawSearch): MigrationsSearch {
  return { ...listSearch(raw), phase: text(raw.phase) };
}

export interface EventsSearch extends ListSearch {
  resource?: string;
}

export function eventsSearch(raw: RawSearch): EventsSearch {
  return { ...listSearch(raw), resource: text(raw.resource) };
}
