// The whole fleet over time: totals, and the VMs that take most.
import { PageSection, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { serverQuery } from "../../api/query";
import { ChartBoard, Charts } from "../../components/charts/Board";
import { TopCharts } from "../../components/charts/TopCharts";
import { type FleetFeed, useFleetFeed } from "../../components/charts/useFleetFeed";
import { useTitle } from "../../components/ListView";
import { Simulated } from "../../components/Simulated";
import { followText, TOTALS } from "../../lib/charts/fleet";
import { isLive, type RangeSearch, rangeOf, secondsOf, stepFor } from "../../lib/charts/range";
import { TOP_COUNTS, type TopCount } from "../../lib/search";

export function FleetCharts() {
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
  const fleet = useFleetFeed(search, count);
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
        {isLive(search) && fleet.hasHistory && (
          <Follows {...fleet} step={stepFor(secondsOf(rangeOf(search)))} />
        )}
      </div>
      <ChartBoard search={search} onSearch={onSearch} feed={fleet.feed} tools={tools}>
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

/** How the charts come by what is new. */
function Follows({ feed, figures, followed, step }: FleetFeed & { step: number }) {
  const isAway = !figures.isLive && followed > 0;
  return (
    <small className="hint" data-live={feed.isLive}>
      {followText(feed.isLive ? "fed" : isAway ? "stream away" : "by time", step)}
    </small>
  );
}
