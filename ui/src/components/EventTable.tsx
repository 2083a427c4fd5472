// Events, newest first, for the page of all and for a VM's own.
import { useMemo } from "react";
import type { HostlerEvent } from "../api/types";
import { Age } from "../primitives/Age";
import { type Column, DataTable } from "../primitives/DataTable";
import { ProblemAlert } from "./ProblemAlert";
import { ResourceLink } from "./ResourceLink";
import { useList } from "./useList";

const PAGE = 200;

export const eventColumns: readonly Column<HostlerEvent>[] = [
  { id: "at", header: "When", width: 110, cell: (event) => <Age at={event.at} ago /> },
  { id: "type", header: "What", width: 160, cell: (event) => <code>{event.type}</code> },
  {
    id: "resource",
    header: "To",
    width: 180,
    cell: (event) => event.resource && <ResourceLink resource={event.resource} />,
  },
  {
    id: "message",
    header: "Message",
    width: 480,
    cell: (event) => <span title={event.message}>{event.message}</span>,
  },
  { id: "seq", header: "Number", width: 90, cell: (event) => event.seq },
];

export function EventTable({ filter }: { filter?: string }) {
  const params = useMemo(() => ({ filter }), [filter]);
  const list = useList("events", params, { limit: PAGE });
  if (list.error) return <ProblemAlert error={list.error} doing="Cannot read events" />;
  if (!list.pending && list.rows.length === 0) return <p>Nothing happened yet.</p>;
  return (
    <DataTable
      label="Events"
      columns={eventColumns}
      rows={list.rows}
      rowId={(event) => String(event.seq)}
      onNearEnd={list.more}
    />
  );
}
