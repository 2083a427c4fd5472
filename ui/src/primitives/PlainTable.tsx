// A short table without sorting or scrolling of its own.
import "./table.css";
import { type ReactNode, type RefObject, useLayoutEffect, useRef, useState } from "react";

export interface PlainColumn<T> {
  header: string;
  cell: (row: T) => ReactNode;
}

interface Props<T> {
  label: string;
  columns: readonly PlainColumn<T>[];
  rows: readonly T[];
  rowId: (row: T) => string;
  empty: string;
}

export function PlainTable<T>({ label, columns, rows, rowId, empty }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const scrolls = useScrolls(box);
  if (rows.length === 0) return <p>{empty}</p>;
  return (
    <div
      className="plain-table"
      ref={box}
      // In a narrow window it scrolls sideways, and has to by keyboard.
      {...(scrolls ? { tabIndex: 0, role: "group", "aria-label": label } : {})}
    >
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.header} scope="col">
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowId(row)}>
              {columns.map((column) => (
                <td key={column.header}>{column.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether what is in `box` is wider than it. */
function useScrolls(box: RefObject<HTMLElement | null>): boolean {
  const [scrolls, setScrolls] = useState(false);
  // Rows may come after the first render, and with them the box.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => setScrolls(element.scrollWidth > element.clientWidth);
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    return () => sizes.disconnect();
  });
  return scrolls;
}
