// One cluster: how it is and why, what is known of it and how old that is, and what it can.
import { Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { CLUSTER_POLL_MS, clusterQuery } from "../../../api/clusters";
import type { Cluster } from "../../../api/types";
import { DetailPage } from "../../../components/DetailPage";
import { Simulated } from "../../../components/Simulated";
import { StateBadge } from "../../../components/StateBadge";
import { CLUSTER_TABS, type ClusterTab } from "../../../lib/search";
import { paths } from "../../../paths";
import { Age } from "../../../primitives/Age";
import { Tag } from "../../../primitives/Tag";
import { ClusterVerbs } from "../ClusterVerbs";
import { Features } from "./Features";
import { InstanceTypes } from "./InstanceTypes";
import { Overview } from "./Overview";

const TAB_TEXT: Record<ClusterTab, string> = {
  overview: "Overview",
  features: "Features",
  types: "Instance types",
};

export default function ClusterPage(): ReactNode {
  const { clusterId } = useParams({ from: "/clusters/$clusterId" });
  const search = useSearch({ from: "/clusters/$clusterId" });
  const navigate = useNavigate({ from: "/clusters/$clusterId" });
  const { tab = "overview" } = search;
  const { data: cluster, error } = useQuery({
    ...clusterQuery(clusterId),
    refetchInterval: CLUSTER_POLL_MS,
  });
  return (
    <DetailPage
      parent={{ text: "Clusters", link: paths.clusters() }}
      title={cluster?.name}
      error={error}
      marks={
        cluster && (
          <>
            <Marks cluster={cluster} />
            <ClusterVerbs
              cluster={cluster}
              onRemoved={() => void navigate({ ...paths.clusters(), search: {} })}
            />
          </>
        )
      }
    >
      {cluster && (
        <>
          <Tabs
            activeKey={tab}
            aria-label="About this cluster"
            onSelect={(_event, key) =>
              void navigate({ search: (old) => ({ ...old, tab: key as ClusterTab }) })
            }
          >
            {CLUSTER_TABS.map((key) => (
              <Tab
                key={key}
                eventKey={key}
                title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
                tabContentId="cluster-tab"
              />
            ))}
          </Tabs>
          <div id="cluster-tab" role="tabpanel" aria-label={TAB_TEXT[tab]}>
            {tab === "overview" && <Overview cluster={cluster} />}
            {tab === "types" && <InstanceTypes key={cluster.id} cluster={cluster} />}
            {tab === "features" && (
              <Features
                key={cluster.id}
                cluster={cluster}
                search={search}
                onSearch={(next) =>
                  void navigate({ search: (old) => ({ ...old, ...next }), replace: true })
                }
              />
            )}
          </div>
        </>
      )}
    </DetailPage>
  );
}

function Marks({ cluster }: { cluster: Cluster }) {
  return (
    <>
      <StateBadge family="place" state={cluster.health} />
      {cluster.stale && (
        <Tag outline colour="orange">
          stale
        </Tag>
      )}
      <Simulated when={cluster.simulated} />
      <span className="seen">
        {cluster.reported_at ? (
          <>
            told <Age at={cluster.reported_at} ago />
          </>
        ) : (
          "never told anything"
        )}
      </span>
    </>
  );
}
