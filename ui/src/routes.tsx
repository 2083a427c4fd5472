// The whole site on one screen: which URL shows which page. Pages are loaded
// when they are first wanted.
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { CrashPage, NotFoundPage } from "./components/Failures";
import { Root } from "./components/frame/Root";
import { rangeSearch } from "./lib/charts/range";
import {
  adoptionSearch,
  alertsSearch,
  clusterSearch,
  createSearch,
  eventsSearch,
  hostSearch,
  listSearch,
  metricsSearch,
  migrationsSearch,
  operationsSearch,
  poolSearch,
  rootSearch,
  vmSearch,
  vmsSearch,
} from "./lib/search";
import { templateSearch } from "./lib/templateSearch";

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFoundPage,
  errorComponent: CrashPage,
  validateSearch: rootSearch,
  // The drawer stays open from page to page.
  search: { middlewares: [retainSearchParams(["ops"])] },
});

const at = () => root;
const home = createRoute({
  getParentRoute: at,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/vms", replace: true });
  },
});
const login = createRoute({
  getParentRoute: at,
  path: "/login",
  component: lazyRouteComponent(() => import("./pages/login/LoginPage")),
});
const vms = createRoute({
  getParentRoute: at,
  path: "/vms",
  validateSearch: vmsSearch,
  component: lazyRouteComponent(() => import("./pages/vms/VmsPage")),
});
const vmCreate = createRoute({
  getParentRoute: at,
  path: "/vms/new",
  validateSearch: createSearch,
  component: lazyRouteComponent(() => import("./pages/vms/new/CreateVmPage")),
});
const vm = createRoute({
  getParentRoute: at,
  path: "/vms/$vmId",
  validateSearch: vmSearch,
  component: lazyRouteComponent(() => import("./pages/vms/vm/VmPage")),
});
const console = createRoute({
  getParentRoute: at,
  path: "/vms/$vmId/console/$kind",
  component: lazyRouteComponent(() => import("./pages/vms/vm/console/FullConsolePage")),
});
const adoption = createRoute({
  getParentRoute: at,
  path: "/adoption",
  validateSearch: adoptionSearch,
  component: lazyRouteComponent(() => import("./pages/adoption/AdoptionPage")),
});
const hosts = createRoute({
  getParentRoute: at,
  path: "/hosts",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/hosts/HostsPage")),
});
const host = createRoute({
  getParentRoute: at,
  path: "/hosts/$hostId",
  validateSearch: hostSearch,
  component: lazyRouteComponent(() => import("./pages/hosts/HostPage")),
});
// Not /metrics, where scrapers find the server.
const metrics = createRoute({
  getParentRoute: at,
  path: "/charts",
  validateSearch: metricsSearch,
  component: lazyRouteComponent(() => import("./pages/metrics/MetricsPage")),
});
const alerts = createRoute({
  getParentRoute: at,
  path: "/alerts",
  validateSearch: alertsSearch,
  component: lazyRouteComponent(() => import("./pages/alerts/AlertsPage")),
});
const alert = createRoute({
  getParentRoute: at,
  path: "/alerts/$alertId",
  validateSearch: rangeSearch,
  component: lazyRouteComponent(() => import("./pages/alerts/AlertPage")),
});
const runbook = createRoute({
  getParentRoute: at,
  path: "/runbooks/$name",
  component: lazyRouteComponent(() => import("./pages/alerts/RunbookPage")),
});
const pools = createRoute({
  getParentRoute: at,
  path: "/storage",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/storage/PoolsPage")),
});
const pool = createRoute({
  getParentRoute: at,
  path: "/storage/$poolId",
  validateSearch: poolSearch,
  component: lazyRouteComponent(() => import("./pages/storage/PoolPage")),
});
const networks = createRoute({
  getParentRoute: at,
  path: "/networks",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/networks/NetworksPage")),
});
const network = createRoute({
  getParentRoute: at,
  path: "/networks/$networkId",
  component: lazyRouteComponent(() => import("./pages/networks/NetworkPage")),
});
const images = createRoute({
  getParentRoute: at,
  path: "/images",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/images/ImagesPage")),
});
const templates = createRoute({
  getParentRoute: at,
  path: "/templates",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/templates/TemplatesPage")),
});
const template = createRoute({
  getParentRoute: at,
  path: "/templates/$templateId",
  validateSearch: templateSearch,
  component: lazyRouteComponent(() => import("./pages/templates/template/TemplatePage")),
});
const operations = createRoute({
  getParentRoute: at,
  path: "/operations",
  validateSearch: operationsSearch,
  component: lazyRouteComponent(() => import("./pages/operations/OperationsPage")),
});
const operation = createRoute({
  getParentRoute: at,
  path: "/operations/$operationId",
  component: lazyRouteComponent(() => import("./pages/operations/OperationPage")),
});
const migrations = createRoute({
  getParentRoute: at,
  path: "/migrations",
  validateSearch: migrationsSearch,
  component: lazyRouteComponent(() => import("./pages/migrations/MigrationsPage")),
});
const events = createRoute({
  getParentRoute: at,
  path: "/events",
  validateSearch: eventsSearch,
  component: lazyRouteComponent(() => import("./pages/events/EventsPage")),
});
const providers = createRoute({
  getParentRoute: at,
  path: "/providers",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/providers/ProvidersPage")),
});
const clusters = createRoute({
  getParentRoute: at,
  path: "/clusters",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./pages/clusters/ClustersPage")),
});
const cluster = createRoute({
  getParentRoute: at,
  path: "/clusters/$clusterId",
  validateSearch: clusterSearch,
  component: lazyRouteComponent(() => import("./pages/clusters/cluster/ClusterPage")),
});

const tree = root.addChildren([
  home,
  login,
  vms,
  vmCreate,
  vm,
  console,
  adoption,
  hosts,
  host,
  metrics,
  alerts,
  alert,
  runbook,
  pools,
  pool,
  networks,
  network,
  images,
  templates,
  template,
  operations,
  operation,
  migrations,
  events,
  providers,
  clusters,
  cluster,
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
