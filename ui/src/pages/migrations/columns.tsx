// The columns of every table of migrations: the page and a VM's tab.
import { Link } from "@tanstack/react-router";
import type { Migration, Ref } from "../../api/types";
import { FactValue } from "../../components/FactValue";
import { ResourceLink } from "../../components/ResourceLink";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { bytes, UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { NoData } from "../../primitives/NoData";

/** Over, as far as its provider says. */
const ENDED: readonly string[] = ["succeeded", "failed", "cancelled"];

const vm: Column<Migration> = {
  id: "vm",
  header: "VM",
  sortField: "vm_name",
  width: 160,
  cell: (migration) => (
    <span className="name-cell">
      <Link {...paths.vm(migration.vm.id, { tab: "migrations" })}>{migration.vm.name}</Link>
      <Simulated when={migration.simulated} compact />
    </span>
  ),
};

const others: readonly Column<Migration>[] = [
  {
    id: "phase",
    header: "State",
    sortField: "phase",
    width: 165,
    cell: ({ phase, phase_said: said, cancel_requested: isEnding, told_by, observed_at: at }) => (
      <span className="state-cell">
        <StateBadge family="migration" state={phase} title={said && `its provider: ${said}`} />
        {isEnding && !ENDED.includes(phase) && <small> is to be ended</small>}
        {told_by === "history" && (
          <small title="Kept when its provider told it; it does not tell it now">
            {" "}
            kept, seen <Age at={at} ago />
          </small>
        )}
      </span>
    ),
  },
  { id: "source", header: "From", width: 100, cell: ({ source }) => <HostLink host={source} /> },
  { id: "target", header: "To", width: 100, cell: ({ target }) => <HostLink host={target} /> },
  { id: "sent", header: "Sent", width: 170, cell: (migration) => <Sent of={migration} /> },
  {
    id: "requested_at",
    header: "Begun",
    sortField: "requested_at",
    width: 100,
    cell: ({ requested_at: asked, started_at: started }) => <Age at={asked ?? started} ago />,
  },
  {
    id: "ended_at",
    header: "Ended",
    width: 100,
    cell: ({ ended_at: at, phase }) =>
      at ? <Age at={at} ago /> : ENDED.includes(phase) ? "not told" : "not yet",
  },
  {
    id: "reason",
    header: "Why it failed",
    width: 210,
    cell: ({ reason, phase }) =>
      reason ? (
        <span title={reason}>{reason}</span>
      ) : phase === "failed" ? (
        <NoData why="no reason was told" />
      ) : null,
  },
  {
    id: "operation",
    header: "Asked for by",
    width: 150,
    cell: ({ operation }) =>
      operation ? (
        <ResourceLink resource={{ kind: "operation", id: operation }} />
      ) : (
        "somebody else"
      ),
  },
];

export const migrationColumns: readonly Column<Migration>[] = [vm, ...others];
/** Where all are of one VM. */
export const ofVmColumns = others;

function HostLink({ host }: { host: Ref | null | undefined }) {
  if (!host) return <span title="its provider does not tell">{UNKNOWN}</span>;
  return <Link {...paths.host(host.id)}>{host.name}</Link>;
}

function Sent({ of: { bytes_done: done, bytes_total: total } }: { of: Migration }) {
  return (
    <FactValue fact={done} brief>
      {(sent) => (total.value == null ? bytes(sent) : `${bytes(sent)} of ${bytes(total.value)}`)}
    </FactValue>
  );
}
