// The columns of the table of VMs.
import { LockIcon } from "@patternfly/react-icons";
import type { VmSummary } from "../../api/types";
import { Simulated } from "../../components/Simulated";
import { VmStateBadge } from "../../components/StateBadge";
import { bytes, UNKNOWN } from "../../lib/format";
import { placeText } from "../../lib/place";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { RowLink } from "../../primitives/RowLink";
import { Tag } from "../../primitives/Tag";

export const vmColumns: readonly Column<VmSummary>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 175,
    short: true, // it cuts the name itself
    cell: (vm) => (
      <span className="name-cell">
        <RowLink href={`/vms/${vm.id}`} link={() => paths.vm(vm.id)}>
          {vm.name}
        </RowLink>
        {!vm.managed && (
          <span
            role="img"
            aria-label="only observed"
            title="only observed: Hostler does not manage it"
          >
            <LockIcon />
          </span>
        )}
        <Simulated when={vm.simulated} compact />
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    sortField: "state",
    width: 195,
    short: true, // it cuts the reason itself
    cell: (vm) => (
      <span className="state-cell">
        <VmStateBadge status={vm.status} /> <small>{vm.status.reason}</small>
      </span>
    ),
  },
  {
    id: "host",
    header: "Host",
    sortField: "host",
    width: 80,
    cell: ({ host }) =>
      host ? (
        <RowLink href={`/hosts/${host.id}`} link={() => paths.host(host.id)}>
          {host.name}
        </RowLink>
      ) : (
        UNKNOWN
      ),
  },
  {
    id: "provider",
    header: "Provider",
    sortField: "provider",
    width: 95,
    cell: (vm) => <span title={placeText(vm)}>{placeText(vm)}</span>,
  },
  {
    id: "cpu_count",
    header: "CPUs",
    sortField: "cpu_count",
    width: 75,
    short: true,
    cell: (vm) => <span className="number">{vm.cpu_count ?? UNKNOWN}</span>,
  },
  {
    id: "memory_bytes",
    header: "Memory",
    sortField: "memory_bytes",
    width: 95,
    short: true,
    cell: (vm) => <span className="number">{bytes(vm.memory_bytes)}</span>,
  },
  {
    id: "addresses",
    header: "Addresses",
    width: 115,
    cell: (vm) => <span title={vm.addresses.join("\n")}>{vm.addresses.join(", ") || UNKNOWN}</span>,
  },
  {
    id: "labels",
    header: "Labels",
    width: 155,
    cell: (vm) => <Labels labels={vm.labels} />,
  },
  {
    id: "created_at",
    header: "Age",
    sortField: "created_at",
    width: 80,
    short: true,
    cell: (vm) => <Age at={vm.created_at} />,
  },
];

function Labels({ labels }: { labels: Record<string, string> }) {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  if (pairs.length === 0) return null;
  return (
    <span className="labels" title={pairs.join("\n")}>
      {pairs.map((pair) => (
        <RowLink
          key={pair}
          href={`/vms?label=${encodeURIComponent(pair)}`}
          link={() => paths.vms({ label: pair })}
        >
          <Tag>{pair}</Tag>
        </RowLink>
      ))}
    </span>
  );
}
