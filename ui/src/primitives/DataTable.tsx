// A table that stays quick with ten thousand rows: only what is in view is in
// the document. It knows nothing of Hostler; columns say what cells show. Plain
// elements, because PatternFly's cells measure and listen each for themselves,
// which costs most of the time when rows rush by.
import "./table.css";
import { ArrowsAltVIcon, LongArrowAltDownIcon, LongArrowAltUpIcon } from "@patternfly/react-icons";
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
      <table
        className="table fixed"
        aria-label={props.label}
        aria-rowcount={props.total ?? rows.length}
        style={{ minWidth }}
      >
        <Head {...props} />
        <tbody>
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
        </tbody>
      </table>
      {props.footer}
    </section>
  );
}

function PlainHead<T>({ columns, rows, rowId, sort, onSort, selection, rowMenu }: Props<T>) {
  const every = rows.length > 0 && rows.every((row) => selection?.ids.has(rowId(row)));
  return (
    <thead>
      <tr>
        {selection && (
          <th className="check" scope="col" style={{ width: 44 }}>
            <Tick label="Select all loaded rows" ticked={every} onTick={selection.toggleAll} />
          </th>
        )}
        {columns.map((column) => (
          <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
        {rowMenu && (
          <th scope="col" style={{ width: 52 }}>
            <span className="pf-v6-screen-reader">Actions</span>
          </th>
        )}
      </tr>
    </thead>
  );
}

const Head = memo(PlainHead) as typeof PlainHead;

interface HeadCellProps<T> {
  column: Column<T>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}

function HeadCell<T>({ column, sort, onSort }: HeadCellProps<T>) {
  const { sortField: field, header, width } = column;
  if (!field || !onSort) {
    return (
      <th scope="col" style={{ width }}>
        {header || <span className="pf-v6-screen-reader">{column.id}</span>}
      </th>
    );
  }
  const sorted = sort?.field === field;
  const descending = sorted && sort.descending;
  const Icon = !sorted ? ArrowsAltVIcon : descending ? LongArrowAltDownIcon : LongArrowAltUpIcon;
  return (
    <th
      scope="col"
      style={{ width }}
      aria-sort={!sorted ? "none" : descending ? "descending" : "ascending"}
    >
      <button
        type="button"
        className="sort"
        onClick={() => onSort({ field, descending: sorted && !descending })}
      >
        {header} <Icon />
      </button>
    </th>
  );
}

function Tick({
  label,
  ticked,
  onTick,
}: {
  label: string;
  ticked: boolean;
  onTick: (wanted: boolean) => void;
}) {
  return (
    <label>
      <input
        type="checkbox"
        aria-label={label}
        checked={ticked}
        onChange={(event) => onTick(event.target.checked)}
      />
    </label>
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
    <tr className={selected ? "selected" : undefined} aria-rowindex={index + 2} data-row={name}>
      {onToggle && (
        <td className="check">
          <Tick
            label={`Select ${name}`}
            ticked={selected ?? false}
            onTick={(wanted) => onToggle(id, wanted)}
          />
        </td>
      )}
      {columns.map((column) => (
        <td key={column.id}>{column.cell(row)}</td>
      ))}
      {rowMenu && <td className="menu">{rowMenu(row)}</td>}
    </tr>
  );
}

// Scrolling renders the table often; a row only when something about it changed.
const Row = memo(PlainRow) as typeof PlainRow;

function Spacer({ height, span }: { height: number; span: number }) {
  if (height <= 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row of nothing cannot be focused
    <tr aria-hidden="true" className="spacer">
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}
