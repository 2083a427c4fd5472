// Live migrations of all VMs, as their providers remember them and as they were kept: under way
// and over, whoever asked for them. Filters and order stand in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { buildFilter, parseSort, sortText } from "../../lib/filter";
import { words } from "../../lib/format";
import { MIGRATION_PHASES } from "../../lib/tone";
import { DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";
import { migrationColumns } from "./columns";
import { idOf, MIGRATIONS_POLL_MS } from "./poll";
import { Silent } from "./Silent";

const PHASES = MIGRATION_PHASES.map((phase) => ({ value: phase, text: words(phase) }));

export default function MigrationsPage(): ReactNode {
  const { search, sort, phase } = useSearch({ from: "/migrations" });
  const navigate = useNavigate({ from: "/migrations" });
  const params = useMemo(
    () => ({ search, sort, filter: buildFilter([{ field: "phase", value: phase }]) }),
    [search, sort, phase],
  );
  const list = useList("migrations", params, { poll: MIGRATIONS_POLL_MS });
  const change = (part: { search?: string; sort?: string; phase?: string }) =>
    void navigate({ search: (old) => ({ ...old, ...part }), replace: true });
  return (
    <ListView
      title="Migrations"
      nouns={["migration", "migrations"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(search ?? phase)}
      stale={<Silent providers={list.silent} />}
      onClear={() => change({ search: undefined, phase: undefined })}
      first={
        <>
          A VM that runs is moved to another host by <b>Migrate</b> on its page, or by{" "}
          <code>hostler vm migrate</code>. What stands here is what providers remember, and what
          they told of those that are over.
        </>
      }
      filters={
        <>
          <SearchBox
            label="Search migrations"
            value={search}
            onChange={(text) => change({ search: text })}
          />
          <SelectFilter
            label="State"
            value={phase}
            options={PHASES}
            onChange={(next) => change({ phase: next })}
          />
        </>
      }
    >
      <DataTable
        keyboard
        label="Migrations"
        columns={migrationColumns}
        rows={list.rows}
        rowId={idOf}
        rowName={({ vm }) => vm.name}
        total={list.total}
        sort={parseSort(sort ?? "-requested_at")}
        onSort={(next) => change({ sort: sortText(next) })}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
