// The columns of the table of VMs that nobody manages here.
import { InboxIcon, MinusCircleIcon } from "@patternfly/react-icons";
import type { PendingAdoption } from "../../api/types";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { adoptedText, originText } from "../../lib/adoption";
import { bothTimes, bytes, UNKNOWN, words } from "../../lib/format";
import { placeText } from "../../lib/place";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { RowLink } from "../../primitives/RowLink";
import { Tag } from "../../primitives/Tag";
import { AdoptedTag } from "../vms/vm/AdoptedTag";
import { RiskCount } from "./Risks";

/** Who decided what, where that is not the same of all. */
const decision: Column<PendingAdoption> = {
  id: "status",
  header: "Decision",
  sortField: "status",
  width: 185,
  cell: (row) => <Status of={row} />,
};

/** With the decisions, or of those only that wait for one. */
export function columnsFor(
  isDecided: boolean,
  onRisks: (row: PendingAdoption) => void,
): readonly Column<PendingAdoption>[] {
  return [
    {
      id: "name",
      header: "Name",
      sortField: "name",
      width: 145,
      short: true, // it cuts the name itself
      cell: ({ vm, simulated }) => (
        <span className="name-cell">
          <RowLink href={`/vms/${vm.id}`} link={() => paths.vm(vm.id)}>
            {vm.name}
          </RowLink>
          <Simulated when={simulated} compact />
        </span>
      ),
    },
    ...(isDecided ? [decision] : []),
    {
      id: "origin",
      header: "Origin",
      sortField: "origin",
      width: 80,
      cell: ({ origin }) => <span title={originText(origin)}>{words(origin)}</span>,
    },
    {
      id: "risks",
      header: "Risks",
      width: 140,
      cell: (row) =>
        // It is decided: what was to be known before is of no interest any more.
        row.adopted ? UNKNOWN : <RiskCount of={row} onShow={() => onRisks(row)} />,
    },
    {
      id: "state",
      header: "State",
      width: 110,
      cell: ({ state }) => <StateBadge family="vm" state={state} />,
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
      cell: (row) => <span title={placeText(row)}>{placeText(row)}</span>,
    },
    {
      id: "cpu_count",
      header: "CPUs",
      width: 60,
      short: true,
      cell: (row) => <span className="number">{row.cpu_count ?? UNKNOWN}</span>,
    },
    {
      id: "memory_bytes",
      header: "Memory",
      width: 80,
      short: true,
      cell: (row) => <span className="number">{bytes(row.memory_bytes)}</span>,
    },
    {
      id: "first_seen_at",
      header: "First seen",
      sortField: "first_seen_at",
      width: 105,
      short: true,
      cell: (row) => <Age at={row.first_seen_at} ago />,
    },
  ];
}

function Status({ of: { status, ignored, adopted } }: { of: PendingAdoption }) {
  if (adopted) {
    const { by, reason } = adopted;
    return (
      <span className="state-cell">
        <AdoptedTag adopted={adopted} />
        <small title={adoptedText(adopted)}>{reason ? `${by}: ${reason}` : by}</small>
      </span>
    );
  }
  if (ignored) {
    const { by, at, reason } = ignored;
    return (
      <span className="state-cell">
        <Tag outline icon={<MinusCircleIcon />} title={`by ${by}, ${bothTimes(at)}: ${reason}`}>
          left alone
        </Tag>
        <small title={`by ${by}, ${bothTimes(at)}: ${reason}`}>
          {by}: {reason}
        </small>
      </span>
    );
  }
  return (
    <Tag outline colour="blue" icon={<InboxIcon />}>
      {status === "pending" ? "waits" : words(status)}
    </Tag>
  );
}
