// A host's figures over time, those of its VMs, and what was measured last.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { hostMeasuredQuery } from "../../api/metrics";
import type { Host } from "../../api/types";
import { ChartBoard, Charts } from "../../components/charts/Board";
import { LastFigures, Passes } from "../../components/charts/LastMeasured";
import { HostNow } from "../../components/charts/Now";
import { TopCharts } from "../../components/charts/TopCharts";
import { useFeed, useMeasured } from "../../components/charts/useFeed";
import { ProblemAlert } from "../../components/ProblemAlert";
import { hostCharts } from "../../lib/charts/host";
import type { RangeSearch } from "../../lib/charts/range";
import { useFigures } from "../../live/useFigures";

export function HostMetrics({ host }: { host: Host }) {
  const search = useSearch({ from: "/hosts/$hostId" });
  const navigate = useNavigate({ from: "/hosts/$hostId" });
  const figures = useFigures("node:metrics", host.id);
  const feed = useFeed(figures);
  const { data: measured, error } = useMeasured(hostMeasuredQuery(host.id), feed);
  const [name, provider] = [host.name, host.provider.name];
  const specs = useMemo(() => hostCharts(name, provider), [name, provider]);
  const of = useMemo(() => ({ host: name, provider }), [name, provider]);
  const onSearch = useCallback(
    (range: RangeSearch) =>
      void navigate({
        search: ({ tab, ops }) => ({ tab, ops, ...range }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return (
    <div className="board">
      {error && <ProblemAlert error={error} doing="Cannot read what was measured last" />}
      <HostNow figures={figures} />
      {measured && <Passes measured={measured} />}
      <ChartBoard search={search} onSearch={onSearch} feed={feed}>
        {(board) => (
          <>
            <Charts specs={specs} board={board} situation={{ measured }} />
            <TopCharts board={board} count={5} of={of} />
          </>
        )}
      </ChartBoard>
      {measured && measured.passes.length > 0 && <LastFigures measured={measured} />}
    </div>
  );
}
