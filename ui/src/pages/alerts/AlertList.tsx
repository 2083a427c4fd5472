// The alerts that are pending or fire, the gravest first.
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import type { Alert } from "../../api/types";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { CARES, careFilter, labelsText, subjectOf } from "../../lib/alerts";
import { buildFilter, parseSort, sortText } from "../../lib/filter";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { type Column, DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";
import { AcknowledgeDialog } from "./AcknowledgeDialog";
import { AlertState, Severity } from "./AlertMarks";
import { AlertMenu, type AlertVerb } from "./AlertMenu";
import { SilenceDialog } from "./SilenceDialog";
import { useAlertsSearch } from "./useAlertsSearch";

const columns: readonly Column<Alert>[] = [
  {
    id: "severity",
    header: "Severity",
    sortField: "severity",
    width: 95,
    cell: (alert) => <Severity severity={alert.severity} />,
  },
  {
    id: "state",
    header: "State",
    sortField: "state",
    width: 200,
    cell: (alert) => <AlertState alert={alert} />,
  },
  {
    id: "name",
    header: "Alert",
    sortField: "name",
    width: 180,
    cell: (alert) => (
      <Link {...paths.alert(alert.id)} title={alert.description ?? alert.summary}>
        {alert.name}
      </Link>
    ),
  },
  {
    id: "subject",
    header: "Of",
    width: 110,
    cell: ({ labels }) => <span title={labelsText(labels)}>{subjectOf(labels)}</span>,
  },
  {
    id: "summary",
    header: "What",
    width: 220,
    cell: (alert) => <span title={alert.summary}>{alert.summary}</span>,
  },
  {
    id: "since",
    header: "Since",
    sortField: "active_since",
    width: 70,
    cell: (alert) => <Age at={alert.active_since} />,
  },
];

const SEVERITIES = ["critical", "warning", "info"].map((value) => ({ value, text: value }));
const STATES = ["firing", "pending"].map((value) => ({ value, text: value }));
const CARE = Object.entries(CARES).map(([value, { text }]) => ({ value, text }));

export function AlertList() {
  const { search, set, clear, onSearch } = useAlertsSearch();
  const [asked, setAsked] = useState<{ verb: AlertVerb; alert: Alert }>();
  const params = useMemo(
    () => ({
      search: search.search,
      sort: search.sort,
      filter: buildFilter(
        [
          { field: "state", value: search.state },
          { field: "severity", value: search.severity },
        ],
        careFilter(search.care),
      ),
    }),
    [search.search, search.sort, search.state, search.severity, search.care],
  );
  const list = useList("alerts", params, { poll: true });
  const rowMenu = useCallback(
    (alert: Alert) => <AlertMenu alert={alert} onVerb={(verb) => setAsked({ verb, alert })} />,
    [],
  );
  const close = () => setAsked(undefined);
  return (
    <ListView
      title="Alerts"
      nouns={["alert", "alerts"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(search.search ?? search.state ?? search.severity ?? search.care)}
      stale={<BlindRules />}
      onClear={clear}
      first="Nothing is wrong, as far as the rules look."
      filters={
        <>
          <SearchBox label="Search alerts" value={search.search} onChange={onSearch} />
          <SelectFilter
            label="State"
            value={search.state}
            options={STATES}
            onChange={(state) => set({ state })}
          />
          <SelectFilter
            label="Severity"
            value={search.severity}
            options={SEVERITIES}
            onChange={(severity) => set({ severity })}
          />
          <SelectFilter
            label="In care"
            value={search.care}
            options={CARE}
            onChange={(care) => set({ care })}
          />
        </>
      }
      dialogs={
        asked &&
        (asked.verb === "silence" ? (
          <SilenceDialog alert={asked.alert} onClose={close} />
        ) : (
          <AcknowledgeDialog alert={asked.alert} onClose={close} />
        ))
      }
    >
      <DataTable
        keyboard
        label="Alerts"
        columns={columns}
        rows={list.rows}
        rowId={(alert) => alert.id}
        rowName={(alert) => alert.name}
        total={list.total}
        sort={parseSort(search.sort)}
        onSort={(sort) => set({ sort: sortText(sort) })}
        onNearEnd={list.more}
        rowMenu={rowMenu}
      />
    </ListView>
  );
}

/** Which rules warn of nothing now: the list may lack what they would tell. */
function BlindRules() {
  return (
    <>
      not all <Link {...paths.alerts({ tab: "rules" })}>rules</Link> could be evaluated
    </>
  );
}
