// A short table without sorting or scrolling of its own.
import "./table.css";
import type { ReactNode } from "react";

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
  if (rows.length === 0) return <p>{empty}</p>;
  return (
    <div className="plain-table">
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
