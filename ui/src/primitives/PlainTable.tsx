// A short table without sorting or scrolling of its own.
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
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
      <Table aria-label={label} variant="compact">
        <Thead>
          <Tr>
            {columns.map((column) => (
              <Th key={column.header}>{column.header}</Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((row) => (
            <Tr key={rowId(row)}>
              {columns.map((column) => (
                <Td key={column.header} dataLabel={column.header}>
                  {column.cell(row)}
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
    </div>
  );
}
