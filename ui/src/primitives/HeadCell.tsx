// The head of a table's column: its name and, where the list can be sorted by
// it, the button that does.
import { ArrowsAltVIcon, LongArrowAltDownIcon, LongArrowAltUpIcon } from "@patternfly/react-icons";
import type { Sort } from "../lib/filter";
import type { Column } from "./DataTable";

interface Props<T> {
  column: Column<T>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}

export function HeadCell<T>({ column, sort, onSort }: Props<T>) {
  const { sortField: field, header } = column;
  if (!field || !onSort) {
    return (
      <div role="columnheader" className="cut">
        {header || <span className="pf-v6-screen-reader">{column.id}</span>}
      </div>
    );
  }
  const sorted = sort?.field === field;
  const descending = sorted && sort.descending;
  const Icon = !sorted ? ArrowsAltVIcon : descending ? LongArrowAltDownIcon : LongArrowAltUpIcon;
  return (
    <div
      role="columnheader"
      className="cut"
      aria-sort={!sorted ? "none" : descending ? "descending" : "ascending"}
    >
      <button
        type="button"
        className="sort"
        onClick={() => onSort({ field, descending: sorted && !descending })}
      >
        {header} <Icon />
      </button>
    </div>
  );
}
