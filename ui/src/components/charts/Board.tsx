// A page's charts: one range of time, one crosshair, one way to follow the present.
// The range stands in the URL.
import "./charts.css";
import { EmptyState, EmptyStateBody, Skeleton } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useMemo } from "react";
import { isIncapable } from "../../api/errors";
import { paceQuery } from "../../api/metrics";
import { USUAL_PACE } from "../../lib/charts/ask";
import type { Situation } from "../../lib/charts/empty";
import { isLive, type Range, type RangeSearch, rangeOf } from "../../lib/charts/range";
import type { ChartSpec } from "../../lib/charts/spec";
import { Chart } from "./Chart";
import { RangeBar } from "./RangeBar";

/** Tells charts of the present when there is something to read. */
export interface Feed {
  /** Whether it does; otherwise they look from time to time. */
  isLive: boolean;
  /** Grows when there is. */
  news: number;
}

const NO_FEED: Feed = { isLive: false, news: 0 };

export interface Board {
  range: Range;
  feed: Feed;
  isLive: boolean;
  /** Seconds between two passes. */
  pace: number;
  group: string;
  onZoom: (to: RangeSearch) => void;
  onReset: () => void;
}

interface Props {
  search: RangeSearch;
  /** Takes the place of what the URL says about time. */
  onSearch: (search: RangeSearch) => void;
  /** Stands beside the range. */
  tools?: ReactNode;
  feed?: Feed;
  children: (board: Board) => ReactNode;
}

export function ChartBoard({ search, onSearch, tools, feed = NO_FEED, children }: Props) {
  const group = useId();
  const { range: span, from, to, live } = search;
  const range = useMemo(() => rangeOf({ range: span, from, to }), [span, from, to]);
  const pace = useQuery(paceQuery);
  const board: Board = {
    range,
    feed,
    isLive: isLive(search),
    pace: pace.data ?? USUAL_PACE,
    group,
    // What was shown before stays in the URL for the way back.
    onZoom: (zoom) => onSearch({ range: span, live, ...zoom }),
    onReset: () => onSearch({ range: span, live }),
  };
  if (isIncapable(pace.error)) return <NoHistory />;
  return (
    <div className="board">
      <RangeBar search={search} onSearch={onSearch} onReset={board.onReset}>
        {tools}
      </RangeBar>
      {pace.isPending ? (
        <Skeleton height="12rem" screenreaderText="Reading the history" />
      ) : (
        children(board)
      )}
    </div>
  );
}

function NoHistory() {
  return (
    <EmptyState headingLevel="h2" titleText="No history is kept" variant="sm">
      <EmptyStateBody>
        Charts are drawn from it. <code>history.enabled</code> is off in the server's configuration,
        or the history could not be opened, which the server's log says.
      </EmptyStateBody>
    </EmptyState>
  );
}

interface ChartsProps {
  title?: string;
  specs: readonly ChartSpec[];
  board: Board;
  situation?: Situation;
}

export function Charts({ title, specs, board, situation = {} }: ChartsProps) {
  return (
    <section aria-label={title ?? "Charts"}>
      {title && <h2 className="charts-title">{title}</h2>}
      <div className="charts">
        {specs.map((spec) => (
          <Chart key={spec.id} spec={spec} board={board} situation={situation} />
        ))}
      </div>
    </section>
  );
}
