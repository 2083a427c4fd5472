// The columns of the list of clusters.
import { Link } from "@tanstack/react-router";
import type { Cluster } from "../../api/types";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { isSilence, worstLag } from "../../lib/clusters";
import { UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { Tag } from "../../primitives/Tag";

/** Why it is as it is, in a line: its reasons, or why it told none. */
export function whyOf({ reasons, failure }: Cluster): string {
  return [failure, ...reasons.map(({ message }) => message)].filter(Boolean).join("; ");
}

export const columns: readonly Column<Cluster>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 160,
    cell: (cluster) => (
      <span className="name-cell">
        <Link {...paths.cluster(cluster.id)}>{cluster.name}</Link>
        <Simulated when={cluster.simulated} compact />
      </span>
    ),
  },
  {
    id: "health",
    header: "Health",
    sortField: "health",
    width: 280,
    cell: (cluster) => (
      <span className="state-cell">
        <StateBadge family="place" state={cluster.health} title={whyOf(cluster)} />{" "}
        <small title={whyOf(cluster)}>{whyOf(cluster)}</small>
      </span>
    ),
  },
  { id: "kind", header: "Kind", sortField: "kind", width: 100, cell: ({ kind }) => kind },
  {
    id: "version",
    header: "Version",
    sortField: "version",
    width: 110,
    cell: ({ capabilities }) => capabilities?.version ?? UNKNOWN,
  },
  {
    id: "lag",
    header: "Watch lag",
    width: 150,
    cell: ({ watch_lags: lags, reported_at: at }) => (
      <span title={worstLag(lags)}>
        {worstLag(lags)}
        {isSilence(lags) && at && (
          <small>
            {" "}
            as of <Age at={at} ago />
          </small>
        )}
      </span>
    ),
  },
  { id: "hosts", header: "Hosts", width: 80, cell: (it) => it.host_count ?? UNKNOWN },
  {
    id: "vms",
    header: "VMs",
    width: 80,
    cell: (it) => <Link {...paths.vms({ provider: it.name })}>{it.vm_count ?? UNKNOWN}</Link>,
  },
  {
    id: "told",
    header: "Told",
    width: 150,
    cell: ({ reported_at: at, stale }) => (
      <>
        {at ? <Age at={at} ago /> : "never"}{" "}
        {stale && (
          <Tag outline colour="orange">
            stale
          </Tag>
        )}
      </>
    ),
  },
];
