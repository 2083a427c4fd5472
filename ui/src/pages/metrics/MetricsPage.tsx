// What is measured, and how it is collected: the fleet's charts, whom figures come
// from, and where they go.
import { PageSection, Skeleton, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ComponentType, lazy, type ReactNode, Suspense } from "react";
import { METRICS_TABS, type MetricsTab } from "../../lib/search";
import { AgentList } from "./AgentList";
import { CustomMetricList } from "./CustomMetricList";
import { OutputList } from "./OutputList";

// Charts are much code, and lists want none of it.
const FleetCharts = lazy(() =>
  import("./FleetCharts").then(({ FleetCharts }) => ({ default: FleetCharts })),
);

const TAB_TEXT: Record<MetricsTab, string> = {
  charts: "Charts",
  agents: "Agents",
  outputs: "Outputs",
  custom: "Custom metrics",
};

const CONTENT: Record<MetricsTab, ComponentType> = {
  charts: FleetCharts,
  agents: AgentList,
  outputs: OutputList,
  custom: CustomMetricList,
};

export default function MetricsPage(): ReactNode {
  const { tab = "charts" } = useSearch({ from: "/charts" });
  const navigate = useNavigate({ from: "/charts" });
  const Content = CONTENT[tab];
  return (
    // Charts make the page as long as they are; lists scroll within it.
    <div className={tab === "charts" ? undefined : "tabbed"}>
      <PageSection hasBodyWrapper={false} type="tabs">
        <Tabs
          activeKey={tab}
          aria-label="About metrics"
          onSelect={(_event, key) =>
            void navigate({ search: ({ ops }) => ({ ops, tab: key as MetricsTab }) })
          }
        >
          {METRICS_TABS.map((key) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
              tabContentId="metrics-tab"
            />
          ))}
        </Tabs>
      </PageSection>
      <div id="metrics-tab" role="tabpanel" aria-label={TAB_TEXT[tab]} className="tabbed-content">
        <Suspense fallback={<Skeleton height="12rem" screenreaderText="Loading the charts" />}>
          <Content />
        </Suspense>
      </div>
    </div>
  );
}
