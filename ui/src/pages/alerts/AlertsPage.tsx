// What is wrong now, what was, what nobody is told about, what is looked at, and who
// is told.
import { PageSection, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ALERT_TABS, type AlertTab } from "../../lib/search";
import { AlertList } from "./AlertList";
import { HistoryList } from "./History";
import { ReceiverList } from "./ReceiverList";
import { RuleList } from "./RuleList";
import { SilenceList } from "./SilenceList";

const TAB_TEXT: Record<AlertTab, string> = {
  alerts: "Alerts",
  history: "History",
  silences: "Silences",
  rules: "Rules",
  receivers: "Receivers",
};

const CONTENT: Record<AlertTab, () => ReactNode> = {
  alerts: AlertList,
  history: HistoryList,
  silences: SilenceList,
  rules: RuleList,
  receivers: ReceiverList,
};

export default function AlertsPage(): ReactNode {
  const { tab = "alerts" } = useSearch({ from: "/alerts" });
  const navigate = useNavigate({ from: "/alerts" });
  const Content = CONTENT[tab];
  return (
    <div className="alerts">
      <PageSection hasBodyWrapper={false} type="tabs">
        <Tabs
          activeKey={tab}
          aria-label="About alerts"
          onSelect={(_event, key) =>
            void navigate({ search: ({ ops }) => ({ ops, tab: key as AlertTab }) })
          }
        >
          {ALERT_TABS.map((key) => (
            <Tab
              key={key}
              eventKey={key}
              title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
              tabContentId="alerts-tab"
            />
          ))}
        </Tabs>
      </PageSection>
      <div id="alerts-tab" role="tabpanel" aria-label={TAB_TEXT[tab]} className="alerts-tab">
        <Content />
      </div>
    </div>
  );
}
