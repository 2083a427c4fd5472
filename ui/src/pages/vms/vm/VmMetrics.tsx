// A VM's figures over time, and as measured last.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { vmMeasuredQuery } from "../../../api/metrics";
import type { Vm } from "../../../api/types";
import { ChartBoard, Charts } from "../../../components/charts/Board";
import { LastFigures, Passes } from "../../../components/charts/LastMeasured";
import { VmNow } from "../../../components/charts/Now";
import { useFeed, useMeasured } from "../../../components/charts/useFeed";
import { ProblemAlert } from "../../../components/ProblemAlert";
import type { RangeSearch } from "../../../lib/charts/range";
import { vmCharts } from "../../../lib/charts/vm";
import { words } from "../../../lib/format";
import { useFigures } from "../../../live/useFigures";

export function VmMetrics({ vm }: { vm: Vm }) {
  const search = useSearch({ from: "/vms/$vmId" });
  const navigate = useNavigate({ from: "/vms/$vmId" });
  const figures = useFigures("vm:metrics", vm.id);
  const feed = useFeed(figures);
  const { data: measured, error } = useMeasured(vmMeasuredQuery(vm.id), feed);
  const specs = useMemo(() => vmCharts(vm.id), [vm.id]);
  const onSearch = useCallback(
    (range: RangeSearch) =>
      void navigate({
        search: ({ tab, console, ops }) => ({ tab, console, ops, ...range }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const { state } = vm.status;
  const isAtRest = state === "stopped" || state === "saved" || state === "crashed";
  const situation = {
    measured,
    rest: isAtRest ? `the VM is ${words(state)}, and was not measured in this time` : undefined,
  };
  return (
    <div className="board">
      {error && <ProblemAlert error={error} doing="Cannot read what was measured last" />}
      <VmNow figures={figures} />
      {measured && <Passes measured={measured} />}
      <ChartBoard search={search} onSearch={onSearch} feed={feed}>
        {(board) => <Charts specs={specs} board={board} situation={situation} />}
      </ChartBoard>
      {measured && measured.passes.length > 0 && <LastFigures measured={measured} />}
    </div>
  );
}
