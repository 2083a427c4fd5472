// The drawer at the bottom of every page: what is at work, what needs somebody,
// and what ended lately. Whether it is open stands in the URL (`ops=true`).
import { Button } from "@patternfly/react-core";
import { AngleDownIcon, AngleUpIcon } from "@patternfly/react-icons";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Operation } from "../../api/types";
import { count } from "../../lib/format";
import { isFinished } from "../../lib/tone";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { DataTable } from "../../primitives/DataTable";
import { operationColumns } from "../operationColumns";
import { ProblemAlert } from "../ProblemAlert";
import { StateBadge } from "../StateBadge";
import { useList } from "../useList";

/** How many of the newest operations the drawer knows of. */
const RECENT = 50;
const NO_PARAMS = {};

export function OperationsDrawer() {
  const open = useSearch({ strict: false }).ops === true;
  const navigate = useNavigate();
  const { rows, error, pending } = useList("operations", NO_PARAMS, { limit: RECENT });
  const toggle = () =>
    void navigate({
      to: ".",
      search: (old) => ({ ...old, ops: open ? undefined : (true as const) }),
      replace: true,
    });
  return (
    <section className="operations-drawer" aria-label="Operations" data-open={open}>
      <div className="bar">
        <Button
          variant="plain"
          aria-expanded={open}
          aria-label={open ? "Hide operations" : "Show operations"}
          icon={open ? <AngleDownIcon /> : <AngleUpIcon />}
          onClick={toggle}
        />
        <Summary rows={rows} pending={pending} />
        <div className="spring" />
        <Link {...paths.operations()}>All operations</Link>
      </div>
      {open && error && <ProblemAlert error={error} doing="Cannot read operations" />}
      {open && (
        <DataTable
          label="Recent operations"
          columns={operationColumns}
          rows={rows}
          rowId={(operation) => operation.id}
        />
      )}
    </section>
  );
}

function Summary({ rows, pending }: { rows: readonly Operation[]; pending: boolean }) {
  const stuck = rows.filter((operation) => operation.state === "needs_attention");
  const running = rows.filter((operation) => !isFinished(operation.state)).length - stuck.length;
  const latest = rows[0];
  if (pending) return <span>Operations</span>;
  return (
    <span className="summary">
      <strong>Operations</strong>
      <span>{running === 0 ? "none at work" : `${running} at work`}</span>
      {stuck.length > 0 && (
        <Link {...paths.operations({ state: "needs_attention" })}>
          <StateBadge family="operation" state="needs_attention" />{" "}
          {count(stuck.length, "operation")}
        </Link>
      )}
      {latest && (
        <span className="latest">
          <StateBadge family="operation" state={latest.state} /> {latest.kind}{" "}
          {latest.resources.map((resource) => resource.name).filter(Boolean)[0]}{" "}
          <Age at={latest.created_at} ago />
        </span>
      )}
    </span>
  );
}
