// The rules, with how evaluating them goes: a rule that fails warns of nothing.
import { Button } from "@patternfly/react-core";
import {
  CheckCircleIcon,
  ExclamationCircleIcon,
  InProgressIcon,
  QuestionCircleIcon,
} from "@patternfly/react-icons";
import { type ComponentType, useMemo, useState } from "react";
import type { AlertRule } from "../../api/types";
import { ListView } from "../../components/ListView";
import { useList } from "../../components/useList";
import { secondsText } from "../../lib/charts/units";
import { buildFilter, parseSort, sortText } from "../../lib/filter";
import { UNKNOWN, words } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { type Column, DataTable } from "../../primitives/DataTable";
import { SearchBox } from "../../primitives/SearchBox";
import { SelectFilter } from "../../primitives/SelectFilter";
import { Tag, type TagColour } from "../../primitives/Tag";
import { Severity } from "./AlertMarks";
import { RuleDialog } from "./RuleDialog";
import { useAlertsSearch } from "./useAlertsSearch";

const HEALTH: Record<string, { colour: TagColour; Icon: ComponentType }> = {
  ok: { colour: "green", Icon: CheckCircleIcon },
  new: { colour: "grey", Icon: InProgressIcon },
  no_data: { colour: "grey", Icon: QuestionCircleIcon },
  failed: { colour: "red", Icon: ExclamationCircleIcon },
};
const HEALTHS = Object.keys(HEALTH).map((value) => ({ value, text: words(value) }));
const STATES = ["firing", "pending", "inactive"].map((value) => ({ value, text: value }));

function Health({ rule: { health, reason } }: { rule: AlertRule }) {
  const { colour, Icon } = (Object.hasOwn(HEALTH, health) ? HEALTH[health] : undefined) ?? {
    colour: "purple" as const,
    Icon: QuestionCircleIcon,
  };
  return (
    <span className="state-cell">
      <Tag outline colour={colour} icon={<Icon />} title={reason ?? undefined}>
        {words(health)}
      </Tag>
      <small title={reason ?? undefined}>{reason}</small>
    </span>
  );
}

/** What the rule says now: how many of its alerts fire, or what it writes. */
function saying({ kind, state, firing, pending, written }: AlertRule): string {
  if (kind === "record") return `writes ${written ?? 0} series`;
  if (firing + pending === 0) return state ?? UNKNOWN;
  const counts = [firing > 0 && `${firing} firing`, pending > 0 && `${pending} pending`];
  return counts.filter(Boolean).join(", ");
}

function columnsFor(onShow: (rule: AlertRule) => void): readonly Column<AlertRule>[] {
  return [
    {
      id: "name",
      header: "Rule",
      sortField: "name",
      width: 245,
      cell: (rule) => (
        <Button variant="link" isInline onClick={() => onShow(rule)}>
          {rule.name}
        </Button>
      ),
    },
    {
      id: "severity",
      header: "Severity",
      width: 95,
      cell: ({ kind, labels }) => kind === "alert" && <Severity severity={labels.severity} />,
    },
    {
      id: "state",
      header: "Says",
      sortField: "state",
      width: 115,
      cell: (rule) => <span title={saying(rule)}>{saying(rule)}</span>,
    },
    {
      id: "health",
      header: "Health",
      sortField: "health",
      width: 100,
      cell: (rule) => <Health rule={rule} />,
    },
    {
      id: "expression",
      header: "Expression",
      width: 190,
      cell: ({ expression }) => <code title={expression}>{expression}</code>,
    },
    {
      id: "for",
      header: "For",
      width: 65,
      cell: ({ for_seconds: seconds }) => (seconds == null ? UNKNOWN : secondsText(seconds)),
    },
    {
      id: "evaluated",
      header: "Evaluated",
      width: 95,
      cell: ({ evaluated_at: at }) => <Age at={at} ago={at != null} />,
    },
    {
      id: "took",
      header: "Took",
      sortField: "took_seconds",
      width: 70,
      cell: ({ took_seconds: seconds }) => (seconds == null ? UNKNOWN : secondsText(seconds)),
    },
  ];
}

export function RuleList() {
  const { search, set, clear, onSearch } = useAlertsSearch();
  const [shown, setShown] = useState<AlertRule>();
  const columns = useMemo(() => columnsFor(setShown), []);
  const params = useMemo(
    () => ({
      search: search.search,
      sort: search.sort,
      filter: buildFilter([
        { field: "state", value: search.state },
        { field: "health", value: search.health },
      ]),
    }),
    [search.search, search.sort, search.state, search.health],
  );
  const list = useList("rules", params, { poll: true });
  return (
    <ListView
      title="Rules"
      nouns={["rule", "rules"]}
      list={list}
      empty={list.rows.length === 0}
      narrowed={Boolean(search.search ?? search.state ?? search.health)}
      onClear={clear}
      first={
        <>
          Nothing is looked at. The shipped rules are off (<code>alerting.shipped_rules</code>), or
          alerting is.
        </>
      }
      filters={
        <>
          <SearchBox label="Search rules" value={search.search} onChange={onSearch} />
          <SelectFilter
            label="State"
            value={search.state}
            options={STATES}
            onChange={(state) => set({ state })}
          />
          <SelectFilter
            label="Health"
            value={search.health}
            options={HEALTHS}
            onChange={(health) => set({ health })}
          />
        </>
      }
      dialogs={shown && <RuleDialog rule={shown} onClose={() => setShown(undefined)} />}
    >
      <DataTable
        keyboard
        label="Rules"
        columns={columns}
        rows={list.rows}
        rowId={({ id }) => id}
        rowName={({ name }) => name}
        total={list.total}
        sort={parseSort(search.sort)}
        onSort={(sort) => set({ sort: sortText(sort) })}
        onNearEnd={list.more}
      />
    </ListView>
  );
}
