// All VMs of all providers. Search, facets and order stand in the URL and are
// done by the server; the table shows what came so far and reads on as you scroll.
import { Button } from "@patternfly/react-core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import type { VmSummary } from "../../api/types";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { useMissing } from "../../components/useMay";
import { buildFilter, labelFacet, parseSort, type Sort, sortText } from "../../lib/filter";
import type { VmsSearch } from "../../lib/search";
import { paths } from "../../paths";
import { ColumnChooser } from "../../primitives/ColumnChooser";
import { DataTable } from "../../primitives/DataTable";
import { useSelection } from "../../primitives/useSelection";
import { BulkBar } from "./BulkBar";
import { vmColumns } from "./columns";
import { ExportMenu } from "./ExportMenu";
import { useVmCommands } from "./useVmCommands";
import { VmFilters } from "./VmFilters";
import { RowMenu } from "./VmMenu";

const idOf = (vm: VmSummary) => vm.id;
const nameOf = (vm: VmSummary) => vm.name;

export default function VmsPage(): ReactNode {
  const search = useSearch({ from: "/vms" });
  const navigate = useNavigate({ from: "/vms" });
  const list = useList("vms", useParams(search));
  const { rows } = list;
  const selection = useSelection(rows, idOf);
  const { run, dialogs } = useVmCommands();
  const change = useCallback(
    (part: Partial<VmsSearch>) =>
      void navigate({ search: (old) => ({ ...old, ...part }), replace: true }),
    [navigate],
  );
  const onSort = useCallback((sort: Sort) => change({ sort: sortText(sort) }), [change]);
  const menu = useCallback((vm: VmSummary) => <RowMenu vm={vm} onAction={run} />, [run]);
  const { sort, hide, ...narrowing } = search;
  const hidden = useMemo(() => new Set(hide?.split(",")), [hide]);
  const columns = useMemo(() => vmColumns.filter(({ id }) => !hidden.has(id)), [hidden]);
  const narrowed = Object.values(narrowing).some((value) => typeof value === "string");
  const chosen = rows.filter((vm) => selection.ids.has(vm.id));
  return (
    <ListView
      title="Virtual machines"
      nouns={["VM", "VMs"]}
      list={list}
      empty={rows.length === 0}
      narrowed={narrowed}
      onClear={() => void navigate({ search: (old) => ({ ops: old.ops, sort, hide }) })}
      first={
        <>
          Make one with <code>hostler vm create hello --sample</code>, or connect a place where VMs
          run under <Link {...paths.providers()}>Providers</Link>.
        </>
      }
      filters={
        <>
          <VmFilters search={search} onChange={change} />
          <ColumnChooser
            columns={vmColumns}
            hidden={hidden}
            onChange={(next) => change({ hide: [...next].join(",") || undefined })}
          />
          <ExportMenu readAll={list.readAll} />
        </>
      }
      actions={<CreateButton />}
      dialogs={dialogs}
    >
      {chosen.length > 0 && (
        <BulkBar
          chosen={chosen}
          loaded={rows.length}
          total={list.total ?? undefined}
          hasMore={list.hasMore}
          onSelectAll={async () => selection.set(new Set((await list.loadAll()).map(idOf)))}
          onClear={selection.clear}
          onAction={run}
        />
      )}
      <DataTable
        keyboard
        label="Virtual machines"
        columns={columns}
        rows={rows}
        rowId={idOf}
        rowName={nameOf}
        total={list.total}
        sort={parseSort(search.sort) ?? { field: "name", descending: false }}
        onSort={onSort}
        selection={selection}
        rowMenu={menu}
        onNearEnd={list.more}
        footer={list.readingMore && <p className="more">Reading more …</p>}
      />
    </ListView>
  );
}

function CreateButton() {
  const missing = useMissing("vm.create");
  const [navigating, setNavigating] = useState(false);
  const navigate = useNavigate();
  return (
    <Button
      variant="primary"
      isDisabled={missing !== undefined || navigating}
      title={missing}
      onClick={() => {
        setNavigating(true);
        void navigate(paths.vmCreate());
      }}
    >
      Create VM
    </Button>
  );
}

/** What is asked of the server for what stands in the URL. */
function useParams(search: VmsSearch) {
  const { state, provider, host, label, filter, sort, search: words } = search;
  return useMemo(() => {
    const labelled = labelFacet(label);
    const facets = [
      { field: "state", value: state },
      { field: "provider", value: provider },
      { field: "host", value: host },
      ...(labelled ? [labelled] : []),
    ];
    return { sort: sort ?? "name", search: words, filter: buildFilter(facets, filter) };
  }, [state, provider, host, label, filter, sort, words]);
}
