// The tools above the table of VMs: search, facets, a label, and the server's
// own filter language for everything else.
import { Button, Label, TextInput } from "@patternfly/react-core";
import { useEffect, useState } from "react";
import { useList } from "../../components/useList";
import { words } from "../../lib/format";
import type { VmsSearch } from "../../lib/search";
import { VM_STATES } from "../../lib/tone";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";

interface Props {
  search: VmsSearch;
  onChange: (part: Partial<VmsSearch>) => void;
}

const STATES = VM_STATES.map((state) => ({ value: state, text: words(state) }));
const BY_NAME = { sort: "name" };

export function VmFilters({ search, onChange }: Props) {
  const hosts = useList("hosts", BY_NAME);
  const providers = useList("providers", {});
  const [wantsFilter, setWantsFilter] = useState(search.filter !== undefined);
  return (
    <>
      <SearchBox
        label="Search VMs"
        value={search.search}
        onChange={(text) => onChange({ search: text })}
      />
      <SelectFilter
        label="State"
        value={search.state}
        options={STATES}
        onChange={(state) => onChange({ state })}
      />
      <SelectFilter
        label="Host"
        value={search.host}
        options={namesOf(hosts.rows)}
        onChange={(host) => onChange({ host })}
      />
      <SelectFilter
        label="Provider"
        value={search.provider}
        options={namesOf(providers.rows)}
        onChange={(provider) => onChange({ provider })}
      />
      {search.label && (
        <Label onClose={() => onChange({ label: undefined })} closeBtnAriaLabel="Remove the label">
          {search.label}
        </Label>
      )}
      {wantsFilter || search.filter ? (
        <FilterField value={search.filter} onChange={(filter) => onChange({ filter })} />
      ) : (
        <Button variant="link" onClick={() => setWantsFilter(true)}>
          Filter expression
        </Button>
      )}
    </>
  );
}

function FilterField({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  return (
    <form
      className="filter-field"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim() || undefined);
      }}
    >
      <TextInput
        aria-label="Filter expression"
        placeholder="cpu_count>=4 AND name=web-*"
        value={text}
        onChange={(_event, next) => setText(next)}
        onBlur={() => onChange(text.trim() || undefined)}
        spellCheck={false}
      />
    </form>
  );
}

function namesOf(rows: readonly { name: string }[]): { value: string; text: string }[] {
  return [...new Set(rows.map((row) => row.name))].map((name) => ({ value: name, text: name }));
}
