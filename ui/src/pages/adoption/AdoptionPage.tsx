// VMs that were made elsewhere: those that wait for a decision, those that somebody decided
// to leave alone, and those that were adopted. Nothing that is decided here changes a VM.
import { Button, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback, useMemo } from "react";
import type { PendingAdoption } from "../../api/types";
import { ListView } from "../../components/ListView";
import { SelectionBar } from "../../components/SelectionBar";
import { useList } from "../../components/useList";
import { useMissing } from "../../components/useMay";
import { ORIGIN_WORDS } from "../../lib/adoption";
import { buildFilter, parseSort, sortText } from "../../lib/filter";
import type { AdoptionSearch } from "../../lib/search";
import { DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";
import { useSelection } from "../../primitives/useSelection";
import { AdoptionMenu } from "./AdoptionMenu";
import { columnsFor } from "./columns";
import { useAdoptionVerbs } from "./useAdoptionVerbs";

const ORIGINS = ORIGIN_WORDS.map((value) => ({ value, text: value }));

/** What is shown, in the order of the toggle; what stands in the URL is the key. */
const SHOWN = {
  waiting: { text: "Waiting", status: "pending", nouns: ["VM waiting", "VMs waiting"] },
  ignored: { text: "Left alone", status: "ignored", nouns: ["VM left alone", "VMs left alone"] },
  adopted: { text: "Adopted", status: "adopted", nouns: ["adopted VM", "adopted VMs"] },
  all: { text: "All", status: undefined, nouns: ["VM made elsewhere", "VMs made elsewhere"] },
} as const;

const idOf = (row: PendingAdoption) => row.vm.id;
const nameOf = (row: PendingAdoption) => row.vm.name;

export default function AdoptionPage(): ReactNode {
  const search = useSearch({ from: "/adoption" });
  const navigate = useNavigate({ from: "/adoption" });
  const missing = useMissing("vm.adopt");
  const set = useCallback(
    (change: Partial<AdoptionSearch>) =>
      void navigate({ search: (old) => ({ ...old, ...change }), replace: true }),
    [navigate],
  );
  const onSearch = useCallback((text: string | undefined) => set({ search: text }), [set]);
  const shown = SHOWN[search.show ?? "waiting"];
  const sort = search.sort ?? "name";
  const params = useMemo(
    () => ({
      sort,
      search: search.search,
      filter: buildFilter([
        { field: "status", value: shown.status },
        { field: "origin", value: search.origin },
      ]),
    }),
    [sort, search.search, search.origin, shown],
  );
  const list = useList("adoptions", params);
  const { rows } = list;
  const selection = useSelection(rows, idOf);
  const { run, showRisks, decide, dialogs } = useAdoptionVerbs();
  const columns = useMemo(
    () => columnsFor(search.show !== undefined, showRisks),
    [search.show, showRisks],
  );
  const menu = useCallback(
    (row: PendingAdoption) => <AdoptionMenu row={row} onVerb={run} />,
    [run],
  );
  const chosen = rows.filter((row) => selection.ids.has(idOf(row)));
  // What was adopted is let go one by one: what is forgotten by that is told of each.
  const ticks = missing === undefined && search.show !== "adopted";
  return (
    <ListView
      title="Adoption"
      nouns={[...shown.nouns]}
      list={list}
      empty={rows.length === 0}
      narrowed={Boolean(search.search ?? search.origin)}
      onClear={() => set({ search: undefined, origin: undefined })}
      first={<First show={search.show} />}
      filters={
        <>
          <SearchBox label="Search VMs" value={search.search} onChange={onSearch} />
          <ToggleGroup aria-label="Which are shown">
            {Object.entries(SHOWN).map(([key, { text }]) => {
              const show = key === "waiting" ? undefined : (key as AdoptionSearch["show"]);
              return (
                <ToggleGroupItem
                  key={key}
                  text={text}
                  buttonId={`adoption-${key}`}
                  isSelected={search.show === show}
                  onChange={() => set({ show })}
                />
              );
            })}
          </ToggleGroup>
          <SelectFilter
            label="Origin"
            value={search.origin}
            options={ORIGINS}
            onChange={(origin) => set({ origin })}
          />
        </>
      }
      dialogs={dialogs}
    >
      <p className="hint">
        {search.show === "adopted"
          ? "Made elsewhere, and managed. To release a VM is to observe it only; nothing of the VM changes by it."
          : "Made elsewhere. To adopt a VM is to manage it from now on; nothing of the VM changes by it."}
        {missing && ` You may look and not decide: ${missing}.`}
      </p>
      {chosen.length > 0 && ticks && (
        <SelectionBar
          chosen={chosen.length}
          loaded={rows.length}
          total={list.total ?? undefined}
          hasMore={list.hasMore}
          onSelectAll={async () => selection.set(new Set((await list.loadAll()).map(idOf)))}
          onClear={selection.clear}
        >
          <Button size="sm" variant="secondary" onClick={() => decide("adopt", chosen)}>
            Adopt
          </Button>
          <Button size="sm" variant="secondary" onClick={() => decide("adopt_read_only", chosen)}>
            Adopt for reading only
          </Button>
          <Button size="sm" variant="secondary" onClick={() => decide("ignore", chosen)}>
            Leave alone
          </Button>
        </SelectionBar>
      )}
      <DataTable
        keyboard
        label="Adoption"
        columns={columns}
        rows={rows}
        rowId={idOf}
        rowName={nameOf}
        total={list.total}
        sort={parseSort(sort)}
        onSort={(next) => set({ sort: sortText(next) })}
        selection={ticks ? selection : undefined}
        rowMenu={missing === undefined ? menu : undefined}
        onNearEnd={list.more}
        footer={list.readingMore && <p className="more">Reading more …</p>}
      />
    </ListView>
  );
}

/** What would stand here. */
function First({ show }: { show: AdoptionSearch["show"] }) {
  if (show === "ignored") {
    return "VMs that somebody decided to leave alone stand here, with who, when and why.";
  }
  if (show === "adopted") {
    return "VMs that were adopted stand here, with who, when and why; they can be let go again.";
  }
  return (
    <>
      VMs that a provider shows and that Hostler did not make appear here by themselves: those made
      by hand or by other tools, and those whose record was lost. You adopt them or leave them
      alone; nothing of a VM changes by either.
    </>
  );
}
