// How far off such answers were where it is known what came then: the past.
import type { Outlook, OutlookResource } from "../../api/types";
import { figure } from "../../lib/charts/units";
import { span } from "../../lib/outlook/spans";
import { keyOf, nameOf, unitOf } from "../../lib/outlook/words";
import { PlainTable } from "../../primitives/PlainTable";

interface Row {
  id: string;
  resource: OutlookResource;
  answer: string;
  ahead: number;
  trials: number;
  error: number;
  share?: number | null;
  naive: number;
  held?: { was: number; wanted: number };
}

function rowsOf({ resources, horizon_seconds: horizon }: Outlook): Row[] {
  return resources.flatMap((resource) => {
    const rows: Row[] = [];
    const line = resource.time_to_full?.back_test;
    if (line) {
      rows.push({
        id: `${keyOf(resource)} full`,
        resource,
        answer: "Time to full",
        ahead: line.ahead_seconds,
        trials: line.trials,
        error: line.mean_error,
        naive: line.naive_error,
      });
    }
    const test = resource.forecast?.back_test;
    if (test) {
      rows.push({
        id: `${keyOf(resource)} forecast`,
        resource,
        answer: "Forecast",
        ahead: horizon,
        trials: test.trials,
        error: test.mean_error,
        share: test.mean_share,
        naive: test.naive_error,
        held: { was: test.held, wanted: test.held_wanted },
      });
    }
    return rows;
  });
}

export function OutlookTests({ outlook }: { outlook: Outlook }) {
  const rows = rowsOf(outlook);
  if (rows.length === 0) return null;
  const text = ({ resource }: Row, value: number) => figure(value, unitOf(resource.unit));
  return (
    <section aria-labelledby="outlook-tests">
      <h2 className="charts-title" id="outlook-tests">
        How good that was on the past
      </h2>
      <PlainTable
        label="Errors on the past"
        rows={rows}
        rowId={({ id }) => id}
        empty=""
        columns={[
          { header: "Resource", cell: ({ resource }) => nameOf(resource) },
          { header: "Answer", cell: ({ answer }) => answer },
          { header: "Up to", cell: ({ ahead }) => `${span(ahead)} ahead` },
          {
            header: "Off by, on average",
            cell: (row) => {
              const { error, share } = row;
              const of = typeof share === "number" ? ` (${figure(share, "ratio")} of it)` : "";
              return text(row, error) + of;
            },
          },
          { header: "To expect no change", cell: (row) => `off by ${text(row, row.naive)}` },
          {
            header: "Range held",
            cell: ({ held }) =>
              held
                ? `${figure(held.was, "ratio")} of the times; made for ${figure(held.wanted, "ratio")}`
                : "",
          },
          { header: "Trials", cell: ({ trials }) => trials },
        ]}
      />
    </section>
  );
}
