// What happened to alerts, newest first: of all, and of one.
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { AlertEntry } from "../../api/types";
import { ListView } from "../../components/ListView";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useList } from "../../components/useList";
import { changeText, labelsText, subjectOf } from "../../lib/alerts";
import { si } from "../../lib/charts/units";
import { buildFilter } from "../../lib/filter";
import { duration, UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { type Column, DataTable } from "../../primitives/DataTable";
import { PlainTable } from "../../primitives/PlainTable";
import { SelectFilter } from "../../primitives/SelectFilter";
import { Change } from "./AlertMarks";
import { useAlertsSearch } from "./useAlertsSearch";

const PAGE = 200;
const CHANGES = ["fired", "resolved", "acknowledged", "unacknowledged"].map((value) => ({
  value,
  text: changeText(value, undefined),
}));

/** Who did it and what they said; for an end, how long it fired. */
function tellingOf({ by, comment, change, at, firing_since: since }: AlertEntry): string {
  if (by) return comment ? `${by}: ${comment}` : by;
  if (change !== "resolved" || !since) return "";
  return `fired for ${duration((Date.parse(at) - Date.parse(since)) / 1000)}`;
}

const columns: readonly Column<AlertEntry>[] = [
  { id: "at", header: "When", width: 95, cell: ({ at }) => <Age at={at} ago /> },
  {
    id: "change",
    header: "What",
    width: 140,
    cell: ({ change, cause }) => <Change change={change} cause={cause} />,
  },
  {
    id: "name",
    header: "Alert",
    width: 200,
    cell: ({ alert, name, summary }) => (
      <Link {...paths.alert(alert)} title={summary}>
        {name}
      </Link>
    ),
  },
  {
    id: "subject",
    header: "Of",
    width: 130,
    cell: ({ labels }) => <span title={labelsText(labels)}>{subjectOf(labels)}</span>,
  },
  {
    id: "summary",
    header: "Summary",
    width: 240,
    cell: ({ summary }) => <span title={summary}>{summary}</span>,
  },
  {
    id: "told",
    header: "Who, how long",
    width: 170,
    cell: (entry) => <span title={tellingOf(entry)}>{tellingOf(entry)}</span>,
  },
];

export function HistoryList() {
  const { search, set, clear } = useAlertsSearch();
  const params = useMemo(
    () => ({ filter: buildFilter([{ field: "change", value: search.change }]) }),
    [search.change],
  );
  const list = useList("alertHistory", params, { limit: PAGE });
  return (
    <ListView
      title="What happened to alerts"
      nouns={["entry", "entries"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={search.change !== undefined}
      onClear={clear}
      first="No alert has fired yet."
      filters={
        <SelectFilter
          label="What"
          value={search.change}
          options={CHANGES}
          onChange={(change) => set({ change })}
        />
      }
    >
      <DataTable
        keyboard
        label="What happened to alerts"
        columns={columns}
        rows={list.rows}
        rowId={({ seq }) => String(seq)}
        rowName={({ name }) => name}
        onNearEnd={list.more}
      />
    </ListView>
  );
}

/** As much of one alert's as is looked at at once; the rest is in the list of all. */
const SHOWN = 50;

export function useAlertHistory(alert: string) {
  const params = useMemo(
    () => ({ filter: buildFilter([{ field: "alert", value: alert }]) }),
    [alert],
  );
  return useList("alertHistory", params, { limit: SHOWN });
}

export function AlertHistory({ history }: { history: ReturnType<typeof useAlertHistory> }) {
  const { rows, error, hasMore, pending } = history;
  return (
    <section aria-label="What happened">
      <h2 className="section-title">What happened</h2>
      {error && <ProblemAlert error={error} doing="Cannot read what happened" />}
      {!pending && !error && (
        <PlainTable
          label="What happened"
          rows={rows.slice(0, SHOWN)}
          rowId={({ seq }) => String(seq)}
          empty="It has not fired yet."
          columns={[
            { header: "When", cell: ({ at }) => <Age at={at} ago /> },
            {
              header: "What",
              cell: ({ change, cause }) => <Change change={change} cause={cause} />,
            },
            { header: "Value", cell: ({ value }) => (value == null ? UNKNOWN : si(value)) },
            { header: "Who, how long", cell: tellingOf },
          ]}
        />
      )}
      {hasMore && <p className="description">The latest {SHOWN} of them.</p>}
    </section>
  );
}
