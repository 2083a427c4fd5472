// A page that is one list with a search field: hosts, pools, networks, images,
// providers, clusters, agents, outputs. Search and order stand in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback, useMemo } from "react";
import type { ListName } from "../api/query";
import { parseSort, type Sort, sortText } from "../lib/filter";
import { type Column, DataTable } from "../primitives/DataTable";
import { SearchBox } from "../primitives/SearchBox";
import { ListView } from "./ListView";
import { useList } from "./useList";

type Route =
  | "/hosts"
  | "/storage"
  | "/networks"
  | "/images"
  | "/templates"
  | "/providers"
  | "/clusters"
  | "/charts";

interface Props<T> {
  name: ListName;
  route: Route;
  title: string;
  nouns: [string, string];
  columns: readonly Column<T>[];
  defaultSort?: string;
  first: ReactNode;
  /** What else narrows the list, in the server's language. */
  filter?: string;
  /** Stand beside the search field. */
  filters?: ReactNode;
  /** Takes away all that narrows the list, where that is more than the search. */
  onClear?: () => void;
  /** How often it is read where it changes without an event, in milliseconds. */
  poll?: number;
  /** Where neither id nor name tells one from the others. */
  rowId?: (row: T) => string;
  actions?: ReactNode;
  rowMenu?: (row: T) => ReactNode;
  /** As `DataTable` has it. */
  menuWidth?: number;
  /** Dialogs, and what stands below the list; which of them may be for the rows to say. */
  children?: ReactNode | ((rows: readonly T[]) => ReactNode);
}

export function SimpleListPage<T extends { id?: string; name: string }>(props: Props<T>) {
  const { name, route, columns, nouns, defaultSort, filter, poll, rowId = idOf } = props;
  const search = useSearch({ from: route });
  const navigate = useNavigate({ from: route });
  const params = useMemo(
    () => ({ sort: search.sort ?? defaultSort, search: search.search, filter }),
    [search.sort, search.search, defaultSort, filter],
  );
  const list = useList(name, params, { poll });
  // The name says which list it is, and the columns are written for that one.
  const rows = list.rows as unknown as readonly T[];
  const onSearch = useCallback(
    (text: string | undefined) =>
      void navigate({ search: (old) => ({ ...old, search: text }), replace: true }),
    [navigate],
  );
  const onSort = useCallback(
    (sort: Sort) =>
      void navigate({ search: (old) => ({ ...old, sort: sortText(sort) }), replace: true }),
    [navigate],
  );
  const { children } = props;
  return (
    <ListView
      title={props.title}
      nouns={nouns}
      list={list}
      empty={rows.length === 0}
      narrowed={search.search !== undefined || filter !== undefined}
      onClear={props.onClear ?? (() => onSearch(undefined))}
      first={props.first}
      actions={props.actions}
      dialogs={typeof children === "function" ? children(rows) : children}
      filters={
        <>
          <SearchBox label={`Search ${nouns[1]}`} value={search.search} onChange={onSearch} />
          {props.filters}
        </>
      }
    >
      <DataTable
        keyboard
        label={props.title}
        columns={columns}
        rows={rows}
        rowId={rowId}
        rowName={(row) => row.name}
        total={list.total}
        sort={parseSort(search.sort ?? defaultSort)}
        onSort={onSort}
        rowMenu={props.rowMenu}
        menuWidth={props.menuWidth}
        onNearEnd={list.more}
      />
    </ListView>
  );
}

function idOf({ id, name }: { id?: string; name: string }): string {
  return id ?? name;
}
