// The VMs that take most, each way to compare them in a chart of its own.
import { Card, CardBody, CardTitle, Skeleton } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { RANK_MS, ranksQuery } from "../../api/metrics";
import { RANK_MAX, TOPS, type TopSpec, topChart } from "../../lib/charts/fleet";
import { secondsOf } from "../../lib/charts/range";
import { duration } from "../../lib/format";
import { ProblemAlert } from "../ProblemAlert";
import type { Board } from "./Board";
import { Chart } from "./Chart";

interface Props {
  board: Board;
  count: number;
  /** Only VMs of this host. */
  of?: Readonly<Record<string, string>>;
}

export function TopCharts({ board, count, of }: Props) {
  const seconds = Math.min(secondsOf(board.range), RANK_MAX);
  return (
    <section aria-label={`The ${count} VMs that take most`}>
      <h2 className="charts-title">
        The {count} VMs that take most{" "}
        <small className="chart-help">
          on average in the last {duration(seconds)} {board.isLive ? "" : "of the time shown"}
        </small>
      </h2>
      <div className="charts">
        {TOPS.map((top) => (
          <TopChart key={top.id} top={top} board={board} count={count} of={of} />
        ))}
      </div>
    </section>
  );
}

function TopChart({ top, board, count, of }: Props & { top: TopSpec }) {
  const { data: ids, error } = useQuery({
    ...ranksQuery(top, count, board.range, of),
    refetchInterval: board.isLive ? RANK_MS : false,
  });
  const spec = useMemo(() => topChart(top, ids ?? []), [top, ids]);
  if (error && !ids)
    return <ProblemAlert error={error} doing={`Cannot compare VMs by ${top.title}`} />;
  if (!ids) return <Skeleton height="18rem" screenreaderText={`Comparing VMs by ${top.title}`} />;
  // Without VMs there is nothing to ask.
  if (ids.length === 0) {
    return (
      <Card isCompact className="chart">
        <CardTitle component="h3">{top.title}</CardTitle>
        <CardBody className="chart-empty">No data: no VM was measured in this time.</CardBody>
      </Card>
    );
  }
  return <Chart spec={spec} board={board} situation={{}} />;
}
