// What happened, newest first, live.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { eventColumns } from "../../components/EventTable";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { buildFilter } from "../../lib/filter";
import { DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";

export default function EventsPage(): ReactNode {
  const { search, resource } = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const params = useMemo(
    () => ({ search, filter: buildFilter([{ field: "resource", value: resource }]) }),
    [search, resource],
  );
  const list = useList("events", params, { limit: 200 });
  return (
    <ListView
      title="Events"
      nouns={["event", "events"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(search ?? resource)}
      onClear={() => void navigate({ search: (old) => ({ ops: old.ops }), replace: true })}
      first="Nothing happened yet."
      filters={
        <SearchBox
          label="Search events"
          value={search}
          onChange={(text) =>
            void navigate({ search: (old) => ({ ...old, search: text }), replace: true })
          }
        />
      }
    >
      <DataTable
        keyboard
        label="Events"
        columns={eventColumns}
        rows={list.rows}
        rowId={(event) => String(event.seq)}
        total={list.total}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
