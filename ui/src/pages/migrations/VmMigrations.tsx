// The migrations of one VM: those that its provider remembers, and those that were kept.
import { useMemo } from "react";
import { isIncapable } from "../../api/errors";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useList } from "../../components/useList";
import { DataTable } from "../../primitives/DataTable";
import { NoData } from "../../primitives/NoData";
import { ofVmColumns } from "./columns";
import { idOf, MIGRATIONS_POLL_MS } from "./poll";
import { Silent } from "./Silent";

export function VmMigrations({ vm }: { vm: string }) {
  const params = useMemo(() => ({ filter: `vm=${vm}` }), [vm]);
  const list = useList("migrations", params, { limit: 100, poll: MIGRATIONS_POLL_MS });
  if (isIncapable(list.error)) return <NoData why="its provider does not migrate VMs" />;
  if (list.error) return <ProblemAlert error={list.error} doing="Cannot read migrations" />;
  const silent = list.silent.length > 0 && (
    <p>
      <Silent providers={list.silent} />
    </p>
  );
  if (!list.pending && list.rows.length === 0) {
    return silent || <p>Its provider remembers no migration of it, and none was kept.</p>;
  }
  return (
    <>
      {silent}
      <DataTable
        label="Migrations of this VM"
        columns={ofVmColumns}
        rows={list.rows}
        rowId={idOf}
        rowName={({ requested_at: at }) => `the migration of ${at ?? "an unknown time"}`}
        onNearEnd={list.more}
      />
    </>
  );
}
