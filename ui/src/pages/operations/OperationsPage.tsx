// All operations, newest first.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { ListView } from "../../components/ListView";
import { operationColumns } from "../../components/operationColumns";
import { useList } from "../../components/useList";
import { buildFilter } from "../../lib/filter";
import { words } from "../../lib/format";
import { OPERATION_STATES } from "../../lib/tone";
import { DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";

const STATES = OPERATION_STATES.map((state) => ({ value: state, text: words(state) }));

export default function OperationsPage(): ReactNode {
  const { state, vm, search } = useSearch({ from: "/operations" });
  const navigate = useNavigate({ from: "/operations" });
  const params = useMemo(
    () => ({
      search,
      filter: buildFilter([
        { field: "state", value: state },
        { field: "vm", value: vm },
      ]),
    }),
    [state, vm, search],
  );
  const list = useList("operations", params, { limit: 200 });
  const change = (part: { state?: string; search?: string }) =>
    void navigate({ search: (old) => ({ ...old, ...part }), replace: true });
  return (
    <ListView
      title="Operations"
      nouns={["operation", "operations"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(state ?? vm ?? search)}
      onClear={() => void navigate({ search: (old) => ({ ops: old.ops }), replace: true })}
      first="Whatever is done to VMs shows up here, with its steps."
      filters={
        <>
          <SearchBox
            label="Search operations"
            value={search}
            onChange={(text) => change({ search: text })}
          />
          <SelectFilter
            label="State"
            value={state}
            options={STATES}
            onChange={(next) => change({ state: next })}
          />
        </>
      }
    >
      <DataTable
        keyboard
        label="Operations"
        columns={operationColumns}
        rows={list.rows}
        rowId={(operation) => operation.id}
        total={list.total}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
