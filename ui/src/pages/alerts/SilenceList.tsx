// Silences: what nobody is told about, until when and why; those that are over stay
// as a record.
import { useCallback, useMemo, useState } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import type { Silence } from "../../api/types";
import { ListView } from "../../components/ListView";
import { PermittedButton } from "../../components/PermittedButton";
import { RemoveDialog } from "../../components/RemoveDialog";
import { useList } from "../../components/useList";
import { buildFilter, parseSort, sortText } from "../../lib/filter";
import { bothTimes, localTime } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { type Column, DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";
import { Tag } from "../../primitives/Tag";
import { SilenceDialog } from "./SilenceDialog";
import { useAlertsSearch } from "./useAlertsSearch";
import { useReread } from "./useReread";

const STATES = ["active", "pending", "expired"].map((value) => ({ value, text: value }));

const columns: readonly Column<Silence>[] = [
  {
    id: "state",
    header: "State",
    sortField: "state",
    width: 85,
    cell: ({ state }) => (
      <Tag outline colour={state === "active" ? "orange" : "grey"}>
        {state}
      </Tag>
    ),
  },
  {
    id: "matchers",
    header: "Of alerts with",
    width: 220,
    cell: ({ matchers }) => <code title={matchers.join("\n")}>{matchers.join(", ")}</code>,
  },
  {
    id: "silences",
    header: "Silent now",
    width: 90,
    short: true,
    cell: ({ silences }) => silences,
  },
  {
    id: "ends",
    header: "Until",
    sortField: "ends_at",
    width: 185,
    cell: ({ ends_at: at }) => <span title={bothTimes(at)}>{localTime(at)}</span>,
  },
  {
    id: "comment",
    header: "Why",
    width: 140,
    cell: ({ comment }) => <span title={comment}>{comment}</span>,
  },
  {
    id: "by",
    header: "By",
    sortField: "created_by",
    width: 95,
    cell: ({ created_by: by }) => <span title={by}>{by}</span>,
  },
  {
    id: "made",
    header: "Made",
    sortField: "created_at",
    width: 85,
    cell: ({ created_at }) => <Age at={created_at} ago />,
  },
];

export function SilenceList() {
  const { search, set, clear, onSearch } = useAlertsSearch();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<Silence>();
  const params = useMemo(
    () => ({
      search: search.search,
      sort: search.sort ?? "-created_at",
      filter: buildFilter([{ field: "state", value: search.state }]),
    }),
    [search.search, search.sort, search.state],
  );
  // That one ends by itself is no event.
  const list = useList("silences", params, { poll: true });
  const rowMenu = useCallback(
    (silence: Silence) =>
      silence.state !== "expired" && (
        <PermittedButton
          permission="alert.manage"
          variant="link"
          isDanger
          isInline
          size="sm"
          aria-label={`End the silence of ${silence.matchers.join(", ")}`}
          onClick={() => setEnding(silence)}
        >
          End
        </PermittedButton>
      ),
    [],
  );
  return (
    <ListView
      title="Silences"
      nouns={["silence", "silences"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(search.search ?? search.state)}
      onClear={clear}
      first="Nothing is silenced: receivers are told of all that fires."
      actions={
        <PermittedButton permission="alert.manage" onClick={() => setMaking(true)}>
          Silence alerts
        </PermittedButton>
      }
      filters={
        <>
          <SearchBox label="Search silences" value={search.search} onChange={onSearch} />
          <SelectFilter
            label="State"
            value={search.state}
            options={STATES}
            onChange={(state) => set({ state })}
          />
        </>
      }
      dialogs={
        <>
          {making && <SilenceDialog onClose={() => setMaking(false)} />}
          {ending && <EndDialog silence={ending} onClose={() => setEnding(undefined)} />}
        </>
      }
    >
      <DataTable
        keyboard
        label="Silences"
        columns={columns}
        rows={list.rows}
        rowId={({ id }) => id}
        rowName={({ matchers }) => matchers.join(", ")}
        total={list.total}
        sort={parseSort(params.sort)}
        onSort={(sort) => set({ sort: sortText(sort) })}
        onNearEnd={list.more}
        rowMenu={rowMenu}
      />
    </ListView>
  );
}

function EndDialog({ silence, onClose }: { silence: Silence; onClose: () => void }) {
  const reread = useReread();
  return (
    <RemoveDialog
      title="End this silence?"
      confirm="End"
      list={keys.lists("silences")}
      remove={async () => {
        const path = { silence: silence.id };
        await body(client.DELETE("/api/v1/silences/{silence}", { params: { path } }));
        reread();
      }}
      onClose={onClose}
    >
      Receivers are told again of what fires with <code>{silence.matchers.join(", ")}</code>.
    </RemoveDialog>
  );
}
