// A table that stays quick with ten thousand rows: only what is in view is in
// the document. It knows nothing of Hostler; columns say what cells show.
import { Table, Tbody, Td, Th, Thead, type ThProps, Tr } from "@patternfly/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useEffect, useRef } from "react";
import type { Sort } from "../lib/filter";

export interface Column<T> {
  id: string;
  header: string;
  /** What the list is sorted by under this name; none: it cannot be. */
  sortField?: string;
  /** The least width, in pixels. */
  width: number;
  cell: (row: T) => ReactNode;
}

export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string, wanted: boolean) => void;
  toggleAll: (wanted: boolean) => void;
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowId: (row: T) => string;
  rowName?: (row: T) => string;
  /** How many rows there are in all, as far as known. */
  total?: number | null;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  selection?: Selection;
  rowMenu?: (row: T) => ReactNode;
  /** Called when the reader nears the last row. */
  onNearEnd?: () => void;
  /** What stands below the last row, for example that more is being read. */
  footer?: ReactNode;
}

const ROW_HEIGHT = 37;
const OVERSCAN = 10;
const NEAR_END = 60;

export function DataTable<T>(props: Props<T>) {
  const { columns, rows, rowId, selection, rowMenu, onNearEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - NEAR_END) onNearEnd?.();
  }, [last, rows.length, onNearEnd]);

  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  const span = columns.length + (selection ? 1 : 0) + (rowMenu ? 1 : 0);
  const minWidth = columns.reduce((sum, column) => sum + column.width, 0) + 96;
  return (
    // Focusable, so that the keyboard can scroll it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable
    <section className="data-table" ref={scroller} tabIndex={0} aria-label={props.label}>
      <Table
        aria-label={props.label}
        aria-rowcount={props.total ?? rows.length}
        variant="compact"
        gridBreakPoint=""
        isStickyHeader
        style={{ minWidth, tableLayout: "fixed" }}
      >
        <Head {...props} />
        <Tbody>
          <Spacer height={before} span={span} />
          {shown.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const id = rowId(row);
            return (
              <Row
                key={id}
                index={item.index}
                row={row}
                id={id}
                name={props.rowName?.(row) ?? id}
                columns={columns}
                selected={selection?.ids.has(id)}
                onToggle={selection?.toggle}
                rowMenu={rowMenu}
              />
            );
          })}
          <Spacer height={after} span={span} />
        </Tbody>
      </Table>
      {props.footer}
    </section>
  );
}

function Head<T>({ columns, rows, rowId, sort, onSort, selection, rowMenu }: Props<T>) {
  const every = rows.length > 0 && rows.every((row) => selection?.ids.has(rowId(row)));
  const sortOf = (column: Column<T>, index: number): ThProps["sort"] =>
    column.sortField && onSort
      ? {
          columnIndex: index,
          sortBy: {
            index: columns.findIndex((c) => c.sortField === sort?.field),
            direction: sort?.descending ? "desc" : "asc",
          },
          onSort: (_event, _index, direction) =>
            onSort({ field: column.sortField ?? column.id, descending: direction === "desc" }),
        }
      : undefined;
  return (
    <Thead>
      <Tr>
        {selection && (
          <Th
            style={{ width: 44 }}
            aria-label="Select all loaded rows"
            select={{
              isSelected: every,
              onSelect: (_event, wanted) => selection.toggleAll(wanted),
            }}
          />
        )}
        {columns.map((column, index) => (
          <Th
            key={column.id}
            style={{ width: column.width }}
            modifier="nowrap"
            sort={sortOf(column, index)}
            screenReaderText={column.header === "" ? column.id : undefined}
          >
            {column.header}
          </Th>
        ))}
        {rowMenu && <Th style={{ width: 52 }} screenReaderText="Actions" />}
      </Tr>
    </Thead>
  );
}

interface RowProps<T> {
  index: number;
  row: T;
  id: string;
  name: string;
  columns: readonly Column<T>[];
  selected: boolean | undefined;
  onToggle: ((id: string, wanted: boolean) => void) | undefined;
  rowMenu: ((row: T) => ReactNode) | undefined;
}

function PlainRow<T>({ index, row, id, name, columns, selected, onToggle, rowMenu }: RowProps<T>) {
  return (
    <Tr aria-rowindex={index + 2} data-row={name} isRowSelected={selected}>
      {onToggle && (
        <Td
          select={{
            rowIndex: index,
            isSelected: selected ?? false,
            onSelect: (_event, wanted) => onToggle(id, wanted),
          }}
        />
      )}
      {columns.map((column) => (
        <Td key={column.id} dataLabel={column.header} modifier="truncate">
          {column.cell(row)}
        </Td>
      ))}
      {rowMenu && <Td className="row-menu">{rowMenu(row)}</Td>}
    </Tr>
  );
}

// Scrolling renders the table often; a row only when something about it changed.
const Row = memo(PlainRow) as typeof PlainRow;

function Spacer({ height, span }: { height: number; span: number }) {
  if (height <= 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row of nothing cannot be focused
    <tr aria-hidden="true">
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}
