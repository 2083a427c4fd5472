// The whole fleet over time: totals, and the VMs that take most.
import { PageSection, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback } from "react";
import { serverQuery } from "../../api/query";
import { ChartBoard, Charts } from "../../components/charts/Board";
import { TopCharts } from "../../components/charts/TopCharts";
import { useTitle } from "../../components/ListView";
import { Simulated } from "../../components/Simulated";
import { TOTALS } from "../../lib/charts/fleet";
import type { RangeSearch } from "../../lib/charts/range";
import { TOP_COUNTS, type TopCount } from "../../lib/search";

export default function MetricsPage(): ReactNode {
  const search = useSearch({ from: "/charts" });
  const navigate = useNavigate({ from: "/charts" });
  const { data: server } = useQuery(serverQuery);
  const onSearch = useCallback(
    (range: RangeSearch) =>
      void navigate({
        search: ({ top, ops }) => ({ top, ops, ...range }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  useTitle("Metrics");
  const count = search.top ?? 5;
  const tools = (
    <ToggleGroup isCompact aria-label="How many VMs are compared">
      {TOP_COUNTS.map((it) => (
        <ToggleGroupItem
          key={it}
          text={`top ${it}`}
          isSelected={it === count}
          onChange={() =>
            void navigate({ search: (old) => ({ ...old, top: it as TopCount }), replace: true })
          }
        />
      ))}
    </ToggleGroup>
  );
  return (
    <PageSection hasBodyWrapper={false} isFilled className="detail">
      <div className="vm-head">
        <Title headingLevel="h1" size="xl">
          Metrics
        </Title>
        <Simulated when={server?.simulated} />
      </div>
      <ChartBoard search={search} onSearch={onSearch} tools={tools}>
        {(board) => (
          <>
            <TopCharts board={board} count={count} />
            <Charts title="The whole fleet" specs={TOTALS} board={board} />
          </>
        )}
      </ChartBoard>
    </PageSection>
  );
}
