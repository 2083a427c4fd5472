// All networks that VMs can be connected to.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Network } from "../../api/types";
import { SimpleListPage } from "../../components/SimpleListPage";
import { Simulated } from "../../components/Simulated";
import { StaleSince } from "../../components/StaleSince";
import { StateBadge } from "../../components/StateBadge";
import { UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { none } from "./none";

const columns: readonly Column<Network>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 170,
    cell: (network) => (
      <span className="name-cell">
        <Link {...paths.network(network.id)}>{network.name}</Link>
        <Simulated when={network.simulated} compact />
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    width: 120,
    cell: (network) => <StateBadge family="place" state={network.active ? "active" : "inactive"} />,
  },
  { id: "host", header: "Host", width: 130, cell: (network) => network.host?.name ?? "all hosts" },
  { id: "provider", header: "Provider", width: 130, cell: (network) => network.provider.name },
  { id: "forward", header: "Reaches out by", width: 130, cell: (network) => network.forward },
  { id: "bridge", header: "Bridge", width: 110, cell: (network) => network.bridge ?? UNKNOWN },
  {
    id: "subnets",
    header: "Subnets",
    width: 200,
    cell: (network) => network.subnets.join(", ") || none(network),
  },
  {
    id: "seen",
    header: "Seen",
    width: 120,
    cell: (network) => (
      <>
        <Age at={network.observed_at} ago />
        <StaleSince of={network} />
      </>
    ),
  },
];

export default function NetworksPage(): ReactNode {
  return (
    <SimpleListPage
      name="networks"
      route="/networks"
      title="Networks"
      nouns={["network", "networks"]}
      columns={columns}
      defaultSort="name"
      first="Networks are read from the hosts; none was seen yet."
    />
  );
}
