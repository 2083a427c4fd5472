// One facet of a list: all, or one value. A closed set of words in a menu.
import { MenuToggle, Select, SelectList, SelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";

export interface Option {
  value: string;
  text: ReactNode;
}

interface Props {
  label: string;
  value: string | undefined;
  options: readonly Option[];
  onChange: (value: string | undefined) => void;
}

export function SelectFilter({ label, value, options, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const chosen = options.find((option) => option.value === value);
  return (
    <Select
      isOpen={open}
      onOpenChange={setOpen}
      isScrollable
      selected={value ?? ""}
      onSelect={(_event, next) => {
        onChange(next === "" ? undefined : String(next));
        setOpen(false);
      }}
      toggle={(ref) => (
        <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
          {label}: {value === undefined ? "all" : (chosen?.text ?? value)}
        </MenuToggle>
      )}
    >
      <SelectList aria-label={label}>
        <SelectOption value="">all</SelectOption>
        {options.map((option) => (
          <SelectOption key={option.value} value={option.value}>
            {option.text}
          </SelectOption>
        ))}
      </SelectList>
    </Select>
  );
}
