// Who is told of alerts, and whether that works.
import { CheckCircleIcon, ExclamationCircleIcon, InProgressIcon } from "@patternfly/react-icons";
import { useMemo } from "react";
import type { AlertReceiver } from "../../api/types";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { parseSort, sortText } from "../../lib/filter";
import { Age } from "../../primitives/Age";
import { type Column, DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { Tag } from "../../primitives/Tag";
import { useAlertsSearch } from "./useAlertsSearch";

function Works({ receiver: { failure, delivered_at: at } }: { receiver: AlertReceiver }) {
  if (failure) {
    return (
      <span className="state-cell">
        <Tag outline colour="red" icon={<ExclamationCircleIcon />} title={failure}>
          fails
        </Tag>
        <small title={failure}>{failure}</small>
      </span>
    );
  }
  if (!at) {
    return (
      <Tag outline icon={<InProgressIcon />} title="since the server started">
        not used yet
      </Tag>
    );
  }
  return (
    <Tag outline colour="green" icon={<CheckCircleIcon />}>
      works
    </Tag>
  );
}

const columns: readonly Column<AlertReceiver>[] = [
  { id: "name", header: "Name", sortField: "name", width: 130, cell: ({ name }) => name },
  { id: "kind", header: "Way", sortField: "kind", width: 110, cell: ({ kind }) => kind },
  { id: "works", header: "State", width: 190, cell: (receiver) => <Works receiver={receiver} /> },
  {
    id: "waiting",
    header: "Waiting",
    sortField: "waiting",
    width: 85,
    cell: ({ waiting }) => waiting,
  },
  { id: "delivered", header: "Delivered", width: 90, cell: ({ delivered }) => delivered },
  {
    id: "delivered_at",
    header: "Last",
    width: 90,
    cell: ({ delivered_at: at }) => <Age at={at} ago={at != null} />,
  },
  { id: "failed", header: "Tries failed", width: 95, cell: ({ failed }) => failed },
  {
    id: "failed_at",
    header: "Last",
    width: 90,
    cell: ({ failed_at: at }) => <Age at={at} ago={at != null} />,
  },
  {
    id: "lost",
    header: "Given up",
    width: 90,
    cell: ({ lost }) => (lost > 0 ? <strong className="refused">{lost}</strong> : lost),
  },
];

export function ReceiverList() {
  const { search, set, clear, onSearch } = useAlertsSearch();
  const params = useMemo(
    () => ({ search: search.search, sort: search.sort }),
    [search.search, search.sort],
  );
  const list = useList("receivers", params, { poll: true });
  return (
    <ListView
      title="Receivers"
      nouns={["receiver", "receivers"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={search.search !== undefined}
      onClear={clear}
      first={
        <>
          Nobody is told of alerts; they are only shown here. A receiver is an{" "}
          <code>[[alerting.receiver]]</code> in the server's configuration.
        </>
      }
      filters={<SearchBox label="Search receivers" value={search.search} onChange={onSearch} />}
    >
      <DataTable
        keyboard
        label="Receivers"
        columns={columns}
        rows={list.rows}
        rowId={({ name }) => name}
        rowName={({ name }) => name}
        total={list.total}
        sort={parseSort(search.sort)}
        onSort={(sort) => set({ sort: sortText(sort) })}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
