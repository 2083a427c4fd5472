// A table that stays quick with ten thousand rows: only what is in view is in
// the document. It knows nothing of Hostler; columns say what cells show. Plain
// elements, because PatternFly's cells measure and listen each for themselves,
// and rows that stand alone (`contain: strict`), because a table's layout makes
// every row's width everybody's matter. The roles say what the elements would.
import "./table.css";
import { type CSSProperties, memo, type ReactNode, useEffect, useRef } from "react";
import type { Sort } from "../lib/filter";
import { HeadCell } from "./HeadCell";
import { useFocusedRow } from "./useFocusedRow";
import { useRowKeys } from "./useRowKeys";
import { ROW_HEIGHT, useRowWindow } from "./useRowWindow";

export interface Column<T> {
  id: string;
  header: string;
  /** What the list is sorted by under this name; none: it cannot be. */
  sortField?: string;
  /** The least width, in pixels. */
  width: number;
  cell: (row: T) => ReactNode;
  /** What the cells show is always narrower than the column, as a number or an age is. */
  short?: boolean;
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
  /** The width of what `rowMenu` gives, in pixels, where that is not three dots. */
  menuWidth?: number;
  /** Called when the reader nears the last row. */
  onNearEnd?: () => void;
  /** Whether `j`, `k` and `x` on the page are meant for this table. */
  keyboard?: boolean;
  /** What stands below the last row, for example that more is being read. */
  footer?: ReactNode;
}

const NEAR_END = 60;
const TICK_WIDTH = 44;
const DOTS_WIDTH = 52;
/** Of a menu that is one short word, as `Delete` or `Remove`, in a small button. */
export const WORD_WIDTH = 80;

export function DataTable<T>(props: Props<T>) {
  const { columns, rows, rowId, selection, rowMenu, onNearEnd } = props;
  const menuWidth = rowMenu ? (props.menuWidth ?? DOTS_WIDTH) : 0;
  const scroller = useRef<HTMLDivElement>(null);
  const minWidth =
    columns.reduce((sum, column) => sum + column.width, 0) +
    (selection ? TICK_WIDTH : 0) +
    menuWidth;
  const { first, end, sideways } = useRowWindow(scroller, rows.length, minWidth);
  useEffect(() => {
    if (rows.length > 0 && end >= rows.length - NEAR_END) onNearEnd?.();
  }, [end, rows.length, onNearEnd]);
  const focus = useFocusedRow(rows, rowId);
  useRowKeys(scroller, props.keyboard ?? false, rows.length, focus.show);

  const indexes = Array.from({ length: end - first }, (_, at) => first + at);
  if (focus.index !== undefined && focus.index < first) indexes.unshift(focus.index);
  if (focus.index !== undefined && focus.index >= end) indexes.push(focus.index);
  const style = {
    minWidth,
    "--columns": tracks(columns, selection !== undefined, menuWidth),
  } as CSSProperties;
  return (
    // Focusable, so that the keyboard can scroll it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable
    <section className="data-table" ref={scroller} tabIndex={0} aria-label={props.label}>
      <div
        role="table"
        className={sideways ? "rows sideways" : "rows"}
        aria-label={props.label}
        aria-rowcount={props.total ?? rows.length}
        style={style}
      >
        <Head {...props} />
        <div
          role="rowgroup"
          className="body"
          style={{ height: rows.length * ROW_HEIGHT }}
          onFocus={focus.onFocus}
          onBlur={focus.onBlur}
        >
          {indexes.map((index) => {
            const row = rows[index];
            if (row === undefined) return null;
            const id = rowId(row);
            return (
              <Row
                key={id}
                index={index}
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
        </div>
      </div>
      {props.footer}
    </section>
  );
}

/** The widths of all cells of a row, in the language of CSS grids. */
function tracks<T>(columns: readonly Column<T>[], ticks: boolean, menu: number): string {
  const widths = columns.map(({ width }) => `minmax(${width}px, ${width}fr)`);
  return [ticks && `${TICK_WIDTH}px`, ...widths, menu > 0 && `${menu}px`].filter(Boolean).join(" ");
}

function PlainHead<T>({ columns, rows, rowId, sort, onSort, selection, rowMenu }: Props<T>) {
  const every = rows.length > 0 && rows.every((row) => selection?.ids.has(rowId(row)));
  return (
    <div role="rowgroup" className="head">
      <div role="row" className="row">
        {selection && (
          <div role="columnheader" className="check">
            <Tick label="Select all loaded rows" ticked={every} onTick={selection.toggleAll} />
          </div>
        )}
        {columns.map((column) => (
          <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
        {rowMenu && (
          <div role="columnheader">
            <span className="pf-v6-screen-reader">Actions</span>
          </div>
        )}
      </div>
    </div>
  );
}

const Head = memo(PlainHead) as typeof PlainHead;

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
    <div
      role="row"
      className={selected ? "row selected" : "row"}
      style={{ top: index * ROW_HEIGHT }}
      aria-rowindex={index + 2}
      data-row={name}
      data-id={id}
    >
      {onToggle && (
        <div role="cell" className="check">
          <Tick
            label={`Select ${name}`}
            ticked={selected ?? false}
            onTick={(wanted) => onToggle(id, wanted)}
          />
        </div>
      )}
      {columns.map((column) => (
        <div role="cell" key={column.id} className={column.short ? undefined : "cut"}>
          {column.cell(row)}
        </div>
      ))}
      {rowMenu && (
        <div role="cell" className="menu">
          {rowMenu(row)}
        </div>
      )}
    </div>
  );
}

// Scrolling renders the table often; a row only when something about it changed.
const Row = memo(PlainRow) as typeof PlainRow;
