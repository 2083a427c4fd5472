// What the site's links look like. A change here breaks bookmarks.
import { expect, test } from "vitest";
import { paths } from "./paths";
import { router } from "./routes";

const ID = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";

test("every link of the site", () => {
  const links = {
    vms: paths.vms(),
    vmsNarrowed: paths.vms({ state: "running", host: "rack 1", search: "42", sort: "-name" }),
    vmsByLabel: paths.vms({ label: "tier=web" }),
    vmCreate: paths.vmCreate(),
    vmReview: paths.vmReview(),
    vm: paths.vm(ID),
    vmConsole: paths.vm(ID, { tab: "console", console: "serial" }),
    console: paths.console(ID, "vnc"),
    adoption: paths.adoption(),
    adoptionLeftAlone: paths.adoption({ show: "ignored", origin: "lost", sort: "-first_seen_at" }),
    hosts: paths.hosts(),
    host: paths.host(ID),
    hostCharts: paths.host(ID, { tab: "metrics", range: "24h" }),
    hostOutlook: paths.host(ID, { tab: "outlook" }),
    charts: paths.metrics(),
    chartsAgents: paths.metrics({ tab: "agents", state: "unreachable" }),
    chartsCustom: paths.metrics({ tab: "custom", search: "backup" }),
    vmCharts: paths.vm(ID, {
      tab: "metrics",
      from: "2026-11-21T08:00:00Z",
      to: "2026-11-21T09:00:00Z",
    }),
    alerts: paths.alerts(),
    alertsUncared: paths.alerts({ state: "firing", severity: "critical", care: "nobody" }),
    alertsSilences: paths.alerts({ tab: "silences", state: "active" }),
    alertsRulesFailed: paths.alerts({ tab: "rules", health: "failed" }),
    alert: paths.alert("0a1a3216d2237658f41ec7de095a9f0e"),
    alertChart: paths.alert("0a1a3216d2237658f41ec7de095a9f0e", { range: "24h" }),
    runbook: paths.runbook("HostlerVmCrashed"),
    storage: paths.storage(),
    pool: paths.pool(ID),
    poolOutlook: paths.pool(ID, { tab: "outlook", horizon: "90d" }),
    networks: paths.networks(),
    network: paths.network(ID),
    images: paths.images(),
    operations: paths.operations(),
    operationsStuck: paths.operations({ state: "needs_attention" }),
    operation: paths.operation(ID),
    events: paths.events({ resource: ID }),
    providers: paths.providers(),
  };
  const hrefs = Object.fromEntries(
    Object.entries(links).map(([name, link]) => [name, router.buildLocation(link as never).href]),
  );
  expect(hrefs).toMatchInlineSnapshot(`
    {
      "adoption": "/adoption",
      "adoptionLeftAlone": "/adoption?show=ignored&origin=lost&sort=-first_seen_at",
      "alert": "/alerts/0a1a3216d2237658f41ec7de095a9f0e",
      "alertChart": "/alerts/0a1a3216d2237658f41ec7de095a9f0e?range=24h",
      "alerts": "/alerts",
      "alertsRulesFailed": "/alerts?tab=rules&health=failed",
      "alertsSilences": "/alerts?tab=silences&state=active",
      "alertsUncared": "/alerts?state=firing&severity=critical&care=nobody",
      "charts": "/charts",
      "chartsAgents": "/charts?tab=agents&state=unreachable",
      "chartsCustom": "/charts?tab=custom&search=backup",
      "console": "/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e/console/vnc",
      "events": "/events?resource=0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "host": "/hosts/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "hostCharts": "/hosts/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e?tab=metrics&range=24h",
      "hostOutlook": "/hosts/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e?tab=outlook",
      "hosts": "/hosts",
      "images": "/images",
      "network": "/networks/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "networks": "/networks",
      "operation": "/operations/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "operations": "/operations",
      "operationsStuck": "/operations?state=needs_attention",
      "pool": "/storage/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "poolOutlook": "/storage/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e?tab=outlook&horizon=90d",
      "providers": "/providers",
      "runbook": "/runbooks/HostlerVmCrashed",
      "storage": "/storage",
      "vm": "/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e",
      "vmCharts": "/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e?tab=metrics&from=2026-11-21T08%3A00%3A00Z&to=2026-11-21T09%3A00%3A00Z",
      "vmConsole": "/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e?tab=console&console=serial",
      "vmCreate": "/vms/new",
      "vmReview": "/vms/new?step=review",
      "vms": "/vms",
      "vmsByLabel": "/vms?label=tier%3Dweb",
      "vmsNarrowed": "/vms?state=running&host=rack+1&search=%2242%22&sort=-name",
    }
  `);
});
