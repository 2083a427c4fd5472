// The operations that worked on one VM.
import { useMemo } from "react";
import { operationColumns } from "../../../components/operationColumns";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { useList } from "../../../components/useList";
import { DataTable } from "../../../primitives/DataTable";

export function VmOperations({ vm }: { vm: string }) {
  const params = useMemo(() => ({ filter: `vm=${vm}` }), [vm]);
  const list = useList("operations", params, { limit: 100 });
  if (list.error) return <ProblemAlert error={list.error} doing="Cannot read operations" />;
  if (!list.pending && list.rows.length === 0) return <p>No operation worked on it yet.</p>;
  return (
    <DataTable
      label="Operations on this VM"
      columns={operationColumns}
      rows={list.rows}
      rowId={(operation) => operation.id}
      onNearEnd={list.more}
    />
  );
}
