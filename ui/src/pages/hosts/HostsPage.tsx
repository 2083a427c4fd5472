// All hosts: what they have, what is on them, and whether they answer.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Host } from "../../api/types";
import { FactValue } from "../../components/FactValue";
import { SimpleListPage } from "../../components/SimpleListPage";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { bytes } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";

const columns: readonly Column<Host>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 180,
    cell: (host) => (
      <span className="name-cell">
        <Link {...paths.host(host.id)}>{host.name}</Link>
        <Simulated when={host.simulated} compact />
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    sortField: "state",
    width: 200,
    cell: (host) => (
      <span className="state-cell">
        <StateBadge family="place" state={host.state} title={host.reason} />{" "}
        <small title={host.reason ?? undefined}>{host.reason}</small>
      </span>
    ),
  },
  {
    id: "provider",
    header: "Provider",
    sortField: "provider",
    width: 130,
    cell: (host) => host.provider.name,
  },
  {
    id: "vms",
    header: "VMs running",
    width: 120,
    cell: (host) => (
      <Link {...paths.vms({ host: host.name })}>
        {host.vm_running_count} of {host.vm_count}
      </Link>
    ),
  },
  {
    id: "cpu_count",
    header: "CPUs",
    width: 90,
    cell: (host) => (
      <FactValue brief fact={host.cpu_count}>
        {String}
      </FactValue>
    ),
  },
  {
    id: "memory",
    header: "Memory free",
    width: 170,
    cell: (host) => (
      <>
        <FactValue brief fact={host.memory_free_bytes}>
          {bytes}
        </FactValue>
        {" of "}
        <FactValue brief fact={host.memory_bytes}>
          {bytes}
        </FactValue>
      </>
    ),
  },
  {
    id: "hypervisor",
    header: "Hypervisor",
    width: 180,
    cell: (host) => (
      <FactValue brief fact={host.hypervisor}>
        {String}
      </FactValue>
    ),
  },
  {
    id: "observed_at",
    header: "Seen",
    width: 100,
    cell: (host) => <Age at={host.observed_at} ago={host.observed_at != null} />,
  },
];

export default function HostsPage(): ReactNode {
  return (
    <SimpleListPage
      name="hosts"
      route="/hosts"
      title="Hosts"
      nouns={["host", "hosts"]}
      columns={columns}
      defaultSort="name"
      first={
        <>
          Hosts come with providers: <Link {...paths.providers()}>add one</Link>.
        </>
      }
    />
  );
}
