// Every link of the site is made here, so that renaming a page is one change.
// The snapshot in paths.test.ts shows what they look like; old bookmarks break
// when it changes.
import { linkOptions } from "@tanstack/react-router";
import type { RangeSearch } from "./lib/charts/range";
import type {
  AdoptionSearch,
  AlertsSearch,
  ClusterSearch,
  EventsSearch,
  HostSearch,
  MetricsSearch,
  MigrationsSearch,
  OperationsSearch,
  PoolSearch,
  VmSearch,
  VmsSearch,
} from "./lib/search";
import type { TemplateSearch } from "./lib/templateSearch";

export const paths = {
  vms: (search: VmsSearch = {}) => linkOptions({ to: "/vms", search }),
  vmCreate: () => linkOptions({ to: "/vms/new" }),
  vmReview: () => linkOptions({ to: "/vms/new", search: { step: "review" } }),
  vm: (vmId: string, search: VmSearch = {}) =>
    linkOptions({ to: "/vms/$vmId", params: { vmId }, search }),
  console: (vmId: string, kind: "serial" | "vnc") =>
    linkOptions({ to: "/vms/$vmId/console/$kind", params: { vmId, kind } }),
  adoption: (search: AdoptionSearch = {}) => linkOptions({ to: "/adoption", search }),
  hosts: () => linkOptions({ to: "/hosts" }),
  host: (hostId: string, search: HostSearch = {}) =>
    linkOptions({ to: "/hosts/$hostId", params: { hostId }, search }),
  metrics: (search: MetricsSearch = {}) => linkOptions({ to: "/charts", search }),
  alerts: (search: AlertsSearch = {}) => linkOptions({ to: "/alerts", search }),
  alert: (alertId: string, search: RangeSearch = {}) =>
    linkOptions({ to: "/alerts/$alertId", params: { alertId }, search }),
  runbook: (name: string) => linkOptions({ to: "/runbooks/$name", params: { name } }),
  storage: () => linkOptions({ to: "/storage" }),
  pool: (poolId: string, search: PoolSearch = {}) =>
    linkOptions({ to: "/storage/$poolId", params: { poolId }, search }),
  networks: () => linkOptions({ to: "/networks" }),
  network: (networkId: string) =>
    linkOptions({ to: "/networks/$networkId", params: { networkId } }),
  images: () => linkOptions({ to: "/images" }),
  templates: () => linkOptions({ to: "/templates" }),
  template: (templateId: string, search: TemplateSearch = {}) =>
    linkOptions({ to: "/templates/$templateId", params: { templateId }, search }),
  operations: (search: OperationsSearch = {}) => linkOptions({ to: "/operations", search }),
  operation: (operationId: string) =>
    linkOptions({ to: "/operations/$operationId", params: { operationId } }),
  migrations: (search: MigrationsSearch = {}) => linkOptions({ to: "/migrations", search }),
  events: (search: EventsSearch = {}) => linkOptions({ to: "/events", search }),
  clusters: () => linkOptions({ to: "/clusters" }),
  cluster: (clusterId: string, search: ClusterSearch = {}) =>
    linkOptions({ to: "/clusters/$clusterId", params: { clusterId }, search }),
  providers: () => linkOptions({ to: "/providers" }),
};
