// Each thing that is used up or kept busy, in one line: now, where it tends, when it is
// full. A cell without an answer says why in a word; all of it stands further down.
import { ArrowDownIcon, ArrowUpIcon, ExclamationCircleIcon } from "@patternfly/react-icons";
import type { ReactNode } from "react";
import type { Outlook, OutlookResource } from "../../api/types";
import { figure } from "../../lib/charts/units";
import { bothTimes, count, localTime, UNKNOWN } from "../../lib/format";
import { isUnread } from "../../lib/outlook/missing";
import { fullText, secondsBetween, span, trendText } from "../../lib/outlook/spans";
import {
  isFull,
  keyOf,
  nameOf,
  shareText,
  shortWhy,
  stepText,
  unitOf,
} from "../../lib/outlook/words";
import { PlainTable } from "../../primitives/PlainTable";
import { Tag } from "../../primitives/Tag";

export function OutlookResources({ outlook }: { outlook: Outlook }) {
  const { resources, computed_at: now, horizon_seconds: horizon, left_out: leftOut } = outlook;
  return (
    <section aria-labelledby="outlook-resources">
      <h2 className="charts-title" id="outlook-resources">
        In use, and where it tends
      </h2>
      <PlainTable
        label="Resources"
        rows={resources}
        rowId={keyOf}
        empty="Nothing of it is looked at."
        columns={[
          { header: "Resource", cell: (row) => <Name row={row} /> },
          { header: "Last 15 min", cell: (row) => <Now row={row} /> },
          { header: "Full at", cell: (row) => <Limit row={row} /> },
          { header: "Rises in a day", cell: (row) => <Trend row={row} /> },
          { header: "Full", cell: (row) => <Full row={row} now={now} horizon={horizon} /> },
          { header: `In ${span(horizon)}`, cell: (row) => <Ahead row={row} /> },
          { header: "Looked back", cell: (row) => <History row={row} /> },
        ]}
      />
      {leftOut > 0 && (
        <p className="outlook-help">
          {count(leftOut, "more series is", "more series are")} not told: there are too many.
        </p>
      )}
      <p className="outlook-help">
        Below a rise: what it hardly is less or more than (made to hold 95 times of 100). Below
        "full": hardly before, and hardly after. Below what is expected: at least, and at most.
      </p>
    </section>
  );
}

interface Cell {
  row: OutlookResource;
}

function Two({ main, below, title }: { main: ReactNode; below?: ReactNode; title?: string }) {
  return (
    <span className="outlook-cell" title={title}>
      {main}
      {below && <small>{below}</small>}
    </span>
  );
}

/** Why there is none; nothing where there never is. */
function Why({ row, of }: Cell & { of: string }) {
  const missing = row.missing.find((it) => it.of === of);
  if (!missing) return null;
  return (
    <span className="outlook-none" title={missing.reason}>
      {shortWhy(missing)}
    </span>
  );
}

function Name({ row }: Cell) {
  const isUnusual = row.anomalies.length > 0;
  return (
    <Two
      main={nameOf(row)}
      below={
        isUnusual && (
          <Tag outline colour="orange">
            unusual
          </Tag>
        )
      }
    />
  );
}

function Now({ row }: Cell) {
  const { recent, limit, unit, missing } = row;
  if (recent === null || recent === undefined) {
    // Without it there is no answer at all, each for the same reason.
    const [why] = missing;
    return (
      <span className="outlook-none" title={why?.reason}>
        {why ? shortWhy(why) : UNKNOWN}
      </span>
    );
  }
  const share = limit ? shareText(recent, limit) : undefined;
  return <Two main={figure(recent, unitOf(unit))} below={share} />;
}

function Limit({ row }: Cell) {
  if (row.limit !== null && row.limit !== undefined) {
    return <>{figure(row.limit, unitOf(row.unit))}</>;
  }
  const hasLimit = row.missing.some(({ of }) => of === "time_to_full");
  return <span className="outlook-none">{hasLimit ? "not known" : "no limit"}</span>;
}

const ARROWS = { up: <ArrowUpIcon />, down: <ArrowDownIcon /> } as const;

function Trend({ row }: Cell) {
  if (!row.trend) return <Why row={row} of="trend" />;
  const { main, range, direction } = trendText(row.trend, unitOf(row.unit));
  const seen = `by the last ${span(row.trend.looked_back_seconds)}`;
  return (
    <Two
      title={seen}
      main={
        <span className="outlook-trend">
          {direction && ARROWS[direction]}
          {main}
        </span>
      }
      below={direction ? range : `${range}, perhaps not at all`}
    />
  );
}

function Full({ row, now, horizon }: Cell & { now: string; horizon: number }) {
  const full = row.time_to_full;
  if (isFull(row)) {
    return (
      <Tag outline colour="red" icon={<ExclamationCircleIcon />}>
        full now
      </Tag>
    );
  }
  if (!full) return <Why row={row} of="time_to_full" />;
  const { main, range } = fullText(full, now, horizon);
  const title = full.likely ? `most likely at ${bothTimes(full.likely)}` : undefined;
  return <Two main={main} below={range} title={title} />;
}

function Ahead({ row }: Cell) {
  const { forecast } = row;
  if (!forecast) return <Why row={row} of="forecast" />;
  const text = (value: number) => figure(value, unitOf(row.unit));
  return (
    <Two
      main={text(forecast.value)}
      below={`${text(forecast.low)} to ${text(forecast.high)}`}
      title={`at ${bothTimes(forecast.at)}`}
    />
  );
}

function History({ row: { history, missing } }: Cell) {
  const { values, since, until, step_seconds: step } = history;
  const reach = secondsBetween(since, until);
  const summed = history.resolution_seconds;
  const title = [
    `each the mean of ${stepText(step)}`,
    since && `from ${localTime(since)} to ${localTime(until)}`,
    summed && `summed up by ${stepText(summed)}`,
  ]
    .filter(Boolean)
    .join(", ");
  if (values === 0) {
    // Nobody knows how many there are.
    if (missing.some(isUnread)) return <span className="outlook-none">not read</span>;
    return (
      <Two main={<span className="outlook-none">nothing yet</span>} below={count(0, "value")} />
    );
  }
  return (
    <Two
      main={reach === undefined ? "" : span(reach)}
      below={count(values, "value")}
      title={title}
    />
  );
}
