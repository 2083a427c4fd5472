// The migrations of one VM that its provider remembers.
import { useMemo } from "react";
import { isIncapable } from "../../api/errors";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useList } from "../../components/useList";
import { DataTable } from "../../primitives/DataTable";
import { NoData } from "../../primitives/NoData";
import { ofVmColumns } from "./columns";
import { idOf, MIGRATIONS_POLL_MS } from "./poll";

export function VmMigrations({ vm }: { vm: string }) {
  const params = useMemo(() => ({ filter: `vm=${vm}` }), [vm]);
  const list = useList("migrations", params, { limit: 100, poll: MIGRATIONS_POLL_MS });
  if (isIncapable(list.error)) return <NoData why="its provider does not migrate VMs" />;
  if (list.error) return <ProblemAlert error={list.error} doing="Cannot read migrations" />;
  if (!list.pending && list.rows.length === 0) {
    // Of one VM, that its provider does not answer is an error.
    return <p>Its provider remembers no migration of it.</p>;
  }
  return (
    <DataTable
      label="Migrations of this VM"
      columns={ofVmColumns}
      rows={list.rows}
      rowId={idOf}
      rowName={({ requested_at: at }) => `the migration of ${at ?? "an unknown time"}`}
      onNearEnd={list.more}
    />
  );
}
