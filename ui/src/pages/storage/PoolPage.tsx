// One pool and its volumes, read from the provider when the page is opened.
import { Gallery, Skeleton, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { body, client } from "../../api/client";
import { keepOperation } from "../../api/operations";
import { keys, poolQuery, volumesQuery } from "../../api/query";
import type { Operation, Pool, Volume } from "../../api/types";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { FactValue } from "../../components/FactValue";
import { PermittedButton } from "../../components/PermittedButton";
import { ProblemAlert } from "../../components/ProblemAlert";
import { RemoveDialog } from "../../components/RemoveDialog";
import { Simulated } from "../../components/Simulated";
import { StaleSince } from "../../components/StaleSince";
import { StateBadge } from "../../components/StateBadge";
import { useToasts } from "../../components/Toasts";
import { bytes } from "../../lib/format";
import { POOL_TABS, type PoolTab } from "../../lib/search";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { DataTable, WORD_WIDTH } from "../../primitives/DataTable";
import { CreateVolume } from "./CreateVolume";
import { volumeColumns } from "./volumeColumns";

// It draws charts, and most visits do not want them.
const OutlookTab = lazy(() =>
  import("../../components/outlook/OutlookTab").then(({ OutlookTab }) => ({ default: OutlookTab })),
);

const TAB_TEXT: Record<PoolTab, string> = { overview: "Overview", outlook: "Outlook" };

export default function PoolPage(): ReactNode {
  const { poolId } = useParams({ from: "/storage/$poolId" });
  const { tab = "overview" } = useSearch({ from: "/storage/$poolId" });
  const navigate = useNavigate({ from: "/storage/$poolId" });
  const { data: pool, error } = useQuery(poolQuery(poolId));
  return (
    <DetailPage
      parent={{ text: "Storage pools", link: paths.storage() }}
      title={pool?.name}
      error={error}
      marks={
        pool && (
          <>
            <StateBadge family="place" state={pool.active ? "active" : "inactive"} />
            <Simulated when={pool.simulated} />
            <span className="seen">
              seen <Age at={pool.observed_at} ago />
              {pool.stale && ", its provider does not answer"}
              <StaleSince of={pool} />
            </span>
          </>
        )
      }
    >
      <Tabs
        activeKey={tab}
        aria-label="About this pool"
        onSelect={(_event, key) =>
          void navigate({ search: ({ ops }) => ({ ops, tab: key as PoolTab }) })
        }
      >
        {POOL_TABS.map((key) => (
          <Tab
            key={key}
            eventKey={key}
            title={<TabTitleText>{TAB_TEXT[key]}</TabTitleText>}
            tabContentId="pool-tab"
          />
        ))}
      </Tabs>
      <div id="pool-tab" role="tabpanel" aria-label={TAB_TEXT[tab]} className="pool-tab">
        {tab === "overview" && (
          <>
            {pool && <Overview pool={pool} />}
            {pool && <Volumes of={pool} />}
          </>
        )}
        {tab === "outlook" && (
          <Suspense fallback={<Skeleton height="12rem" screenreaderText="Loading the outlook" />}>
            <OutlookTab key={poolId} of="pools" id={poolId} />
          </Suspense>
        )}
      </div>
    </DetailPage>
  );
}

function Overview({ pool }: { pool: Pool }) {
  return (
    <Gallery hasGutter minWidths={{ default: "22rem" }} className="cards">
      <Facts title="Pool">
        <Item name="Kind">{pool.kind}</Item>
        <Item name="Host">{pool.host?.name ?? "shared"}</Item>
        <Item name="Provider">{pool.provider.name}</Item>
      </Facts>
      <Facts title="Space">
        <Item name="Size">
          <FactValue fact={pool.capacity_bytes}>{bytes}</FactValue>
        </Item>
        <Item name="In use">
          <FactValue fact={pool.allocated_bytes}>{bytes}</FactValue>
        </Item>
        <Item name="Available">
          <FactValue fact={pool.available_bytes}>{bytes}</FactValue>
        </Item>
      </Facts>
    </Gallery>
  );
}

function Volumes({ of }: { of: Pool }) {
  const pool = of.id;
  const { data, error, fetchNextPage, hasNextPage } = useInfiniteQuery(volumesQuery(pool));
  const queries = useQueryClient();
  const { tell } = useToasts();
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<Volume>();
  const rows = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="volumes" aria-label="Volumes">
      <div className="list-head">
        <h2>Volumes</h2>
        <span className="spring" />
        <PermittedButton
          permission="volume.manage"
          variant="secondary"
          size="sm"
          onClick={() => setCreating(true)}
        >
          Create volume
        </PermittedButton>
      </div>
      {error && <ProblemAlert error={error} doing="Cannot read the volumes" variant="warning" />}
      {data && rows.length === 0 && <p>There is no volume in it.</p>}
      {rows.length > 0 && (
        <DataTable
          label="Volumes"
          columns={volumeColumns}
          rows={rows}
          rowId={(volume) => volume.name}
          onNearEnd={() => hasNextPage && void fetchNextPage({ cancelRefetch: false })}
          menuWidth={WORD_WIDTH}
          rowMenu={(volume) => (
            <PermittedButton
              permission="volume.manage"
              refused={volume.used_by ? `${volume.used_by.name} uses it` : undefined}
              variant="link"
              isDanger
              size="sm"
              aria-label={`Delete ${volume.name}`}
              onClick={() => setDeleting(volume)}
            >
              Delete
            </PermittedButton>
          )}
        />
      )}
      {creating && <CreateVolume pool={of} onClose={() => setCreating(false)} />}
      {deleting && (
        <RemoveDialog
          title={`Delete volume ${deleting.name}?`}
          confirm="Delete"
          typed={deleting.name}
          list={keys.volumes(pool)}
          remove={async () => {
            keepOperation(queries, await deleteVolume(pool, deleting.name));
            tell(`Delete volume ${deleting.name}: accepted`);
          }}
          onClose={() => setDeleting(undefined)}
        >
          {bytes(deleting.capacity_bytes)} of data go with it. No VM that Hostler knows uses it.
        </RemoveDialog>
      )}
    </section>
  );
}

function deleteVolume(pool: string, volume: string): Promise<Operation> {
  return body(
    client.DELETE("/api/v1/pools/{pool}/volumes/{volume}", { params: { path: { pool, volume } } }),
  );
}
