// A page that is one list with a search field: hosts, pools, networks, images,
// providers. Search and order stand in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback, useMemo } from "react";
import type { ListName } from "../api/query";
import { parseSort, type Sort, sortText } from "../lib/filter";
import { type Column, DataTable } from "../primitives/DataTable";
import { SearchBox } from "../primitives/SearchBox";
import { ListView } from "./ListView";
import { useList } from "./useList";

type Route = "/hosts" | "/storage" | "/networks" | "/images" | "/providers";

interface Props<T> {
  name: ListName;
  route: Route;
  title: string;
  nouns: [string, string];
  columns: readonly Column<T>[];
  defaultSort?: string;
  first: ReactNode;
  actions?: ReactNode;
  rowMenu?: (row: T) => ReactNode;
  children?: ReactNode;
}

export function SimpleListPage<T extends { id: string; name: string }>(props: Props<T>) {
  const { name, route, columns, nouns, defaultSort } = props;
  const search = useSearch({ from: route });
  const navigate = useNavigate({ from: route });
  const params = useMemo(
    () => ({ sort: search.sort ?? defaultSort, search: search.search }),
    [search.sort, search.search, defaultSort],
  );
  const list = useList(name, params);
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
  return (
    <ListView
      title={props.title}
      nouns={nouns}
      list={list}
      empty={rows.length === 0}
      narrowed={search.search !== undefined}
      onClear={() => onSearch(undefined)}
      first={props.first}
      actions={props.actions}
      dialogs={props.children}
      filters={<SearchBox label={`Search ${nouns[1]}`} value={search.search} onChange={onSearch} />}
    >
      <DataTable
        keyboard
        label={props.title}
        columns={columns}
        rows={rows}
        rowId={(row) => row.id}
        rowName={(row) => row.name}
        total={list.total}
        sort={parseSort(search.sort ?? defaultSort)}
        onSort={onSort}
        rowMenu={props.rowMenu}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
