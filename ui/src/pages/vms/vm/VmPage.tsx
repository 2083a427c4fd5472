// One VM: what it is doing, what can be done, and everything known about it.
import { PageSection, Skeleton, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { vmQuery } from "../../../api/query";
import type { Vm } from "../../../api/types";
import { EventTable } from "../../../components/EventTable";
import { useTitle } from "../../../components/ListView";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { words } from "../../../lib/format";
import { VM_TABS, type VmTab } from "../../../lib/search";
import { paths } from "../../../paths";
import { VmMigrations } from "../../migrations/VmMigrations";
import { useVmCommands } from "../useVmCommands";
import { Config } from "./Config";
import { ConsoleTab } from "./console/ConsoleTab";
import { Disks } from "./Disks";
import { Networks } from "./Networks";
import { Overview } from "./Overview";
import { Snapshots } from "./snapshots/Snapshots";
import { VmHeader } from "./VmHeader";
import { VmOperations } from "./VmOperations";

// Charts are much code, and most visits do not want them.
const VmMetrics = lazy(() =>
  import("./VmMetrics").then(({ VmMetrics }) => ({ default: VmMetrics })),
);

const OutlookTab = lazy(() =>
  import("../../../components/outlook/OutlookTab").then(({ OutlookTab }) => ({
    default: OutlookTab,
  })),
);

const TAB_TEXT: Record<VmTab, string> = {
  overview: "Overview",
  console: "Console",
  metrics: "Metrics",
  outlook: "Outlook",
  disks: "Disks",
  network: "Network",
  snapshots: "Snapshots",
  migrations: "Migrations",
  config: "Config",
  events: "Events",
  operations: "Operations",
};

export default function VmPage(): ReactNode {
  const { vmId } = useParams({ from: "/vms/$vmId" });
  const { tab = "overview" } = useSearch({ from: "/vms/$vmId" });
  const navigate = useNavigate({ from: "/vms/$vmId" });
  const { data, error } = useQuery(vmQuery(vmId));
  const { run, dialogs } = useVmCommands(() => void navigate(paths.vms()));
  useTitle(data ? `${data.data.name} · ${words(data.data.status.state)}` : "VM");

  if (error && !data) {
    return (
      <PageSection hasBodyWrapper={false}>
        <ProblemAlert error={error} doing="Cannot read the VM" />
      </PageSection>
    );
  }
  if (!data) {
    return (
      <PageSection hasBodyWrapper={false}>
        <Skeleton height="12rem" screenreaderText="Reading the VM" />
      </PageSection>
    );
  }
  const vm = data.data;
  return (
    <>
      <PageSection hasBodyWrapper={false} className="detail-head">
        <VmHeader vm={vm} etag={data.etag} onAction={run} />
        {error && <ProblemAlert error={error} doing="Cannot read the VM anew" variant="warning" />}
      </PageSection>
      <PageSection hasBodyWrapper={false} type="tabs">
        <Tabs
          activeKey={tab}
          aria-label="About this VM"
          onSelect={(_event, key) =>
            void navigate({ search: ({ ops }) => ({ ops, tab: key as VmTab }) })
          }
        >
          {VM_TABS.map((key) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
              tabContentId="vm-tab"
            />
          ))}
        </Tabs>
      </PageSection>
      <PageSection
        hasBodyWrapper={false}
        isFilled
        id="vm-tab"
        className="vm-tab"
        role="tabpanel"
        aria-label={TAB_TEXT[tab]}
      >
        {contentOf(tab, vm)}
      </PageSection>
      {dialogs}
    </>
  );
}

function contentOf(tab: VmTab, vm: Vm): ReactNode {
  switch (tab) {
    case "overview":
      return <Overview vm={vm} />;
    case "console":
      return <ConsoleTab vm={vm} />;
    case "metrics":
      return (
        <Suspense fallback={<Skeleton height="12rem" screenreaderText="Loading the charts" />}>
          <VmMetrics key={vm.id} vm={vm} />
        </Suspense>
      );
    case "outlook":
      return (
        <Suspense fallback={<Skeleton height="12rem" screenreaderText="Loading the outlook" />}>
          <OutlookTab key={vm.id} of="vms" id={vm.id} />
        </Suspense>
      );
    case "disks":
      return <Disks vm={vm} />;
    case "network":
      return <Networks vm={vm} />;
    case "snapshots":
      return <Snapshots key={vm.id} vm={vm} />;
    case "migrations":
      return <VmMigrations vm={vm.id} />;
    case "config":
      return <Config vm={vm} />;
    case "events":
      return <EventTable filter={`resource=${vm.id}`} />;
    case "operations":
      return <VmOperations vm={vm.id} />;
  }
}
