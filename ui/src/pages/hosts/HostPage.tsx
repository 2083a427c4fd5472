// One host: what it has and can run, each value with its pedigree.
import { Gallery, Skeleton, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { hostQuery } from "../../api/query";
import type { Host } from "../../api/types";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { FactValue } from "../../components/FactValue";
import { Simulated } from "../../components/Simulated";
import { StaleSince } from "../../components/StaleSince";
import { StateBadge } from "../../components/StateBadge";
import { bytes, count } from "../../lib/format";
import { HOST_TABS, type HostTab } from "../../lib/search";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";

// Charts are much code, and most visits do not want them.
const HostMetrics = lazy(() =>
  import("./HostMetrics").then(({ HostMetrics }) => ({ default: HostMetrics })),
);

const OutlookTab = lazy(() =>
  import("../../components/outlook/OutlookTab").then(({ OutlookTab }) => ({ default: OutlookTab })),
);

const TAB_TEXT: Record<HostTab, string> = {
  overview: "Overview",
  metrics: "Metrics",
  outlook: "Outlook",
};

export default function HostPage(): ReactNode {
  const { hostId } = useParams({ from: "/hosts/$hostId" });
  const { tab = "overview" } = useSearch({ from: "/hosts/$hostId" });
  const navigate = useNavigate({ from: "/hosts/$hostId" });
  const { data: host, error } = useQuery(hostQuery(hostId));
  return (
    <DetailPage
      parent={{ text: "Hosts", link: paths.hosts() }}
      title={host?.name}
      error={error}
      marks={
        host && (
          <>
            <StateBadge family="place" state={host.state} title={host.reason} />
            <Simulated when={host.simulated} />
            <span className="seen">
              {host.reason && `${host.reason} · `}
              {host.observed_at ? (
                <>
                  seen <Age at={host.observed_at} ago />
                </>
              ) : (
                "never seen"
              )}
              <StaleSince of={host} />
            </span>
          </>
        )
      }
    >
      {host && (
        <>
          <Tabs
            activeKey={tab}
            aria-label="About this host"
            onSelect={(_event, key) =>
              void navigate({ search: ({ ops }) => ({ ops, tab: key as HostTab }) })
            }
          >
            {HOST_TABS.map((key) => (
              <Tab
                key={key}
                eventKey={key}
                title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
                tabContentId="host-tab"
              />
            ))}
          </Tabs>
          <div id="host-tab" role="tabpanel" aria-label={TAB_TEXT[tab]}>
            {tab === "overview" && <Overview host={host} />}
            {tab === "metrics" && (
              <Suspense
                fallback={<Skeleton height="12rem" screenreaderText="Loading the charts" />}
              >
                <HostMetrics key={host.id} host={host} />
              </Suspense>
            )}
            {tab === "outlook" && (
              <Suspense
                fallback={<Skeleton height="12rem" screenreaderText="Loading the outlook" />}
              >
                <OutlookTab key={host.id} of="hosts" id={host.id} />
              </Suspense>
            )}
          </div>
        </>
      )}
    </DetailPage>
  );
}

function Overview({ host }: { host: Host }) {
  return (
    <Gallery hasGutter minWidths={{ default: "min(22rem, 100%)" }} className="cards">
      <Facts title="Machine">
        <Item name="Processors">
          <FactValue fact={host.cpu_count}>{String}</FactValue>
        </Item>
        <Item name="Processor model">
          <FactValue fact={host.cpu_model}>{String}</FactValue>
        </Item>
        <Item name="Architecture">
          <FactValue fact={host.arch}>{String}</FactValue>
        </Item>
        <Item name="Memory">
          <FactValue fact={host.memory_bytes}>{bytes}</FactValue>
        </Item>
        <Item name="Memory free">
          <FactValue fact={host.memory_free_bytes}>{bytes}</FactValue>
        </Item>
      </Facts>
      <Facts title="Virtualisation">
        <Item name="Provider">{host.provider.name}</Item>
        <Item name="Hypervisor">
          <FactValue fact={host.hypervisor}>{String}</FactValue>
        </Item>
        <Item name="VMs">
          <Link {...paths.vms({ host: host.name })}>{count(host.vm_count, "VM")}</Link>,{" "}
          {host.vm_running_count} running
        </Item>
        <Item name="Can run">
          <FactValue fact={host.guests}>
            {(guests) =>
              guests.map((guest) => (
                <div key={guest.arch} title={guest.machines.join(", ")}>
                  {guest.arch} by {guest.hypervisors.join(", ")}
                  <small> · {count(guest.machines.length, "machine type")}</small>
                </div>
              ))
            }
          </FactValue>
        </Item>
      </Facts>
    </Gallery>
  );
}
