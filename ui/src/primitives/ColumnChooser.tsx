// Which columns a table shows; the first always is, for a row needs its name.
import { MenuToggle, Select, SelectList, SelectOption } from "@patternfly/react-core";
import { useState } from "react";
import type { Column } from "./DataTable";

interface Props<T> {
  columns: readonly Column<T>[];
  /** Ids of columns that are not shown. */
  hidden: ReadonlySet<string>;
  onChange: (hidden: ReadonlySet<string>) => void;
}

export function ColumnChooser<T>({ columns, hidden, onChange }: Props<T>) {
  const [open, setOpen] = useState(false);
  return (
    <Select
      role="menu"
      isOpen={open}
      onOpenChange={setOpen}
      isScrollable
      onSelect={(_event, id) => {
        const next = new Set(hidden);
        if (!next.delete(String(id))) next.add(String(id));
        onChange(next);
      }}
      toggle={(ref) => (
        <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
          {hidden.size > 0 ? `Columns: ${columns.length - hidden.size}` : "Columns"}
        </MenuToggle>
      )}
    >
      <SelectList aria-label="Columns">
        {columns.slice(1).map(({ id, header }) => (
          <SelectOption key={id} value={id} hasCheckbox isSelected={!hidden.has(id)}>
            {header}
          </SelectOption>
        ))}
      </SelectList>
    </Select>
  );
}
