// All storage pools: how full they are, as far as their hosts tell.
import { Progress, ProgressMeasureLocation, ProgressSize } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Pool } from "../../api/types";
import { FactValue } from "../../components/FactValue";
import { SimpleListPage } from "../../components/SimpleListPage";
import { Simulated } from "../../components/Simulated";
import { StaleSince } from "../../components/StaleSince";
import { StateBadge } from "../../components/StateBadge";
import { bytes, UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";

const columns: readonly Column<Pool>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 170,
    cell: (pool) => (
      <span className="name-cell">
        <Link {...paths.pool(pool.id)}>{pool.name}</Link>
        <Simulated when={pool.simulated} compact />
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    width: 120,
    cell: (pool) => <StateBadge family="place" state={pool.active ? "active" : "inactive"} />,
  },
  { id: "host", header: "Host", width: 130, cell: (pool) => pool.host?.name ?? "shared" },
  { id: "provider", header: "Provider", width: 130, cell: (pool) => pool.provider.name },
  { id: "kind", header: "Kind", width: 90, cell: (pool) => pool.kind },
  { id: "used", header: "In use", width: 200, cell: (pool) => <Fullness pool={pool} /> },
  {
    id: "available",
    header: "Available",
    width: 130,
    cell: (pool) => (
      <FactValue brief fact={pool.available_bytes}>
        {bytes}
      </FactValue>
    ),
  },
  {
    id: "capacity",
    header: "Size",
    width: 130,
    cell: (pool) => (
      <FactValue brief fact={pool.capacity_bytes}>
        {bytes}
      </FactValue>
    ),
  },
  {
    id: "seen",
    header: "Seen",
    width: 130,
    cell: (pool) => (
      <>
        <Age at={pool.observed_at} ago />
        <StaleSince of={pool} />
      </>
    ),
  },
];

/** How full it is; no bar where one of the two numbers is missing. */
function Fullness({ pool }: { pool: Pool }) {
  const used = pool.allocated_bytes.value;
  const size = pool.capacity_bytes.value;
  if (typeof used !== "number" || typeof size !== "number" || size === 0) {
    return <span>{UNKNOWN}</span>;
  }
  const share = Math.min(100, Math.round((used / size) * 100));
  return (
    <Progress
      aria-label={`In use of ${pool.name}`}
      size={ProgressSize.sm}
      measureLocation={ProgressMeasureLocation.outside}
      value={share}
      variant={share >= 97 ? "danger" : share >= 90 ? "warning" : undefined}
    />
  );
}

export default function PoolsPage(): ReactNode {
  return (
    <SimpleListPage
      name="pools"
      route="/storage"
      title="Storage pools"
      nouns={["pool", "pools"]}
      columns={columns}
      defaultSort="name"
      first="Pools are read from the hosts; none was seen yet."
    />
  );
}
