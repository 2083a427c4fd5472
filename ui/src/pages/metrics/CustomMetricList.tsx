// What users measure themselves and push: the newest value of each series, whose
// it is, and how old.
import { ExclamationTriangleIcon } from "@patternfly/react-icons";
import { Link } from "@tanstack/react-router";
import { MEASURED_MS } from "../../api/metrics";
import type { CustomSeries } from "../../api/types";
import { Permitted } from "../../components/Permitted";
import { SimpleListPage } from "../../components/SimpleListPage";
import { Simulated } from "../../components/Simulated";
import { labelsText, seriesId } from "../../lib/collection";
import { buildFilter } from "../../lib/filter";
import { PUSH_COMMANDS } from "../../lib/snippets";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { SelectFilter } from "../../primitives/SelectFilter";
import { Tag } from "../../primitives/Tag";
import { HowTo } from "./HowTo";
import { useMetricsSearch } from "./useMetricsSearch";

const QUALITIES = ["ok", "stale"].map((value) => ({ value, text: value }));

function Of({ vm, host }: CustomSeries) {
  if (vm) return <Link {...paths.vm(vm.id, { tab: "metrics" })}>{vm.name}</Link>;
  if (host) return <Link {...paths.host(host.id, { tab: "metrics" })}>{host.name}</Link>;
  return <span className="absent">no VM or host</span>;
}

const columns: readonly Column<CustomSeries>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 195,
    cell: ({ name, simulated }) => (
      <span className="name-cell">
        <code title={name}>{name}</code>
        <Simulated when={simulated} compact />
      </span>
    ),
  },
  {
    id: "labels",
    header: "Labels",
    width: 195,
    cell: (series) => <span title={labelsText(series)}>{labelsText(series)}</span>,
  },
  { id: "of", header: "Of", width: 120, cell: Of },
  { id: "kind", header: "Kind", sortField: "kind", width: 75, cell: ({ kind }) => kind },
  {
    id: "value",
    header: "Value",
    width: 110,
    // As it was pushed: nobody told its unit.
    cell: ({ value }) => <span title={String(value)}>{value}</span>,
  },
  {
    id: "age",
    header: "Age",
    width: 125,
    cell: ({ observed_at: at, quality }) => (
      <span className="state-cell">
        <Age at={at} />
        {quality !== "ok" && (
          <Tag
            outline
            colour="orange"
            icon={<ExclamationTriangleIcon />}
            title="too old to be told as present: it is not on /metrics, and has ended in the history"
          >
            {quality}
          </Tag>
        )}
      </span>
    ),
  },
  {
    id: "pushed_by",
    header: "By",
    sortField: "pushed_by",
    width: 130,
    cell: ({ pushed_by: by }) => <span title={by}>{by}</span>,
  },
];

export function CustomMetricList() {
  const { search, set, clear } = useMetricsSearch();
  return (
    <Permitted permission="metrics.read" what="custom metrics">
      <SimpleListPage
        name="customMetrics"
        route="/charts"
        title="Custom metrics"
        nouns={["series", "series"]}
        columns={columns}
        poll={MEASURED_MS}
        rowId={seriesId}
        filter={buildFilter([{ field: "quality", value: search.quality }])}
        filters={
          <SelectFilter
            label="Quality"
            value={search.quality}
            options={QUALITIES}
            onChange={(quality) => set({ quality })}
          />
        }
        onClear={clear}
        first={
          <HowTo label="Commands that push a metric" text={PUSH_COMMANDS}>
            Nothing was pushed lately. A script may tell what it measures itself, of a VM, a host or
            nothing in particular; how much is taken, and for how long it is told, stands under{" "}
            <code>[metrics.custom]</code> in the server's configuration.
          </HowTo>
        }
      />
    </Permitted>
  );
}
