// One chart: reads its lines while it is on the screen, and shows them drawn or as
// a table, or the reason why there are none.
import { Button, Card, CardBody, CardHeader, CardTitle, Skeleton } from "@patternfly/react-core";
import { DownloadIcon, TableIcon } from "@patternfly/react-icons";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { chartQuery } from "../../api/metrics";
import { type Situation, whyEmpty } from "../../lib/charts/empty";
import type { Grid } from "../../lib/charts/grid";
import { readEvery, scaled, zoomed } from "../../lib/charts/range";
import type { ChartSpec } from "../../lib/charts/spec";
import { serverNow } from "../../lib/clock";
import { saveFile } from "../../lib/saveFile";
import { useReadAtNews } from "../../live/useFigures";
import { ProblemAlert } from "../ProblemAlert";
import type { Board } from "./Board";
import { ChartTable, csvOf } from "./ChartTable";
import { clock, Legend, type Readout } from "./Legend";
import { Plot } from "./Plot";

interface Props {
  spec: ChartSpec;
  board: Board;
  situation: Situation;
}

const NONE_HIDDEN: ReadonlySet<string> = new Set();

export function Chart({ spec, board, situation }: Props) {
  const [asTable, setAsTable] = useState(false);
  const at = useRef<HTMLDivElement>(null);
  const isSeen = useSeen(at);
  const { isLive: isFed, news } = board.feed;
  const follows = board.isLive && isSeen;
  const {
    data: grid,
    error,
    refetch,
  } = useQuery({
    ...chartQuery(spec, board.range, board.pace, serverNow),
    enabled: isSeen,
    // The old picture stays until the new one is there.
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => follows && readEvery(state.data?.step ?? 0, isFed) * 1000,
  });
  useReadAtNews(news, follows, () => {
    // A chart moves by a step: before the next one there is nothing to draw.
    if (!grid || serverNow() - grid.end >= grid.step * 1000) void refetch({ cancelRefetch: false });
  });
  const isEmpty = grid !== undefined && grid.lines.length === 0;
  return (
    <Card
      isCompact
      ref={at}
      className="chart"
      aria-busy={isSeen && !grid && !error}
      data-chart={spec.id}
    >
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions:
            !grid || isEmpty ? null : (
              <>
                <Button
                  variant="plain"
                  size="sm"
                  aria-pressed={asTable}
                  aria-label={`${spec.title} as a table`}
                  title="Show the values as a table"
                  icon={<TableIcon />}
                  onClick={() => setAsTable(!asTable)}
                />
                <Button
                  variant="plain"
                  size="sm"
                  aria-label={`Save ${spec.title} as CSV`}
                  title="Save as CSV"
                  icon={<DownloadIcon />}
                  onClick={() =>
                    saveFile(`${spec.id}.csv`, new Blob([csvOf(grid)], { type: "text/csv" }))
                  }
                />
              </>
            ),
        }}
      >
        <CardTitle component="h3">{spec.title}</CardTitle>
        {spec.help && <small className="chart-help">{spec.help}</small>}
      </CardHeader>
      <CardBody>
        {error && !grid && <ProblemAlert error={error} doing="Cannot read this chart" />}
        {error && grid && (
          <p className="chart-old">
            not read since {clock(grid.end)}: the server refuses or is away
          </p>
        )}
        {!grid && !error && isSeen && (
          <Skeleton height="12rem" screenreaderText={`Reading ${spec.title}`} />
        )}
        {!grid && !error && !isSeen && <div className="chart-unseen" />}
        {isEmpty && <p className="chart-empty">No data: {whyEmpty(spec.of, situation)}.</p>}
        {grid && !isEmpty && asTable && (
          <ChartTable grid={grid} unit={spec.unit} label={spec.title} />
        )}
        {grid && !isEmpty && !asTable && <Drawn spec={spec} grid={grid} board={board} />}
      </CardBody>
    </Card>
  );
}

function Drawn({ spec, grid, board }: { spec: ChartSpec; grid: Grid; board: Board }) {
  const [hidden, setHidden] = useState(NONE_HIDDEN);
  const readout = useRef<Readout>(undefined);
  const onReady = useCallback((ready: Readout | undefined) => {
    readout.current = ready;
  }, []);
  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };
  return (
    <>
      <Plot
        grid={grid}
        unit={spec.unit}
        top={spec.top}
        label={spec.title}
        group={board.group}
        hidden={hidden}
        onRow={(row) => readout.current?.row(row)}
        onLine={(index) => readout.current?.line(index)}
        onDrawn={(from, to) => board.onZoom(zoomed(from, to))}
        onScale={(factor, around) => board.onZoom(scaled(grid, factor, around, serverNow()))}
        onReset={board.onReset}
      />
      <Legend spec={spec} grid={grid} hidden={hidden} onToggle={toggle} onReady={onReady} />
    </>
  );
}

/** Whether it is on the screen or near it; what is far below is not read. */
function useSeen(element: RefObject<Element | null>): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const watch = new IntersectionObserver(
      (entries) => setSeen(entries.some(({ isIntersecting }) => isIntersecting)),
      { rootMargin: "200px" },
    );
    watch.observe(target);
    return () => watch.disconnect();
  }, [element]);
  return isSeen;
}
