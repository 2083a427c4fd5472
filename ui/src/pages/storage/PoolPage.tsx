// One pool and its volumes, read from the provider when the page is opened.
import { Button, Gallery } from "@patternfly/react-core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { body, client } from "../../api/client";
import { keepOperation } from "../../api/operations";
import { poolQuery, volumesQuery } from "../../api/query";
import type { Volume } from "../../api/types";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { FactValue } from "../../components/FactValue";
import { ProblemAlert } from "../../components/ProblemAlert";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { useToasts } from "../../components/Toasts";
import { useMissing } from "../../components/useMay";
import { bytes } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { DataTable } from "../../primitives/DataTable";
import { CreateVolume } from "./CreateVolume";
import { volumeColumns } from "./volumeColumns";

export default function PoolPage(): ReactNode {
  const { poolId } = useParams({ from: "/storage/$poolId" });
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
            </span>
          </>
        )
      }
    >
      {pool && (
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
      )}
      <Volumes pool={poolId} />
    </DetailPage>
  );
}

function Volumes({ pool }: { pool: string }) {
  const { data, error, fetchNextPage, hasNextPage } = useInfiniteQuery(volumesQuery(pool));
  const missing = useMissing("volume.manage");
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<Volume>();
  const rows = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="volumes" aria-label="Volumes">
      <div className="list-head">
        <h2>Volumes</h2>
        <span className="spring" />
        <Button
          variant="secondary"
          size="sm"
          isDisabled={missing !== undefined}
          title={missing}
          onClick={() => setCreating(true)}
        >
          Create volume
        </Button>
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
          rowMenu={(volume) => (
            <Button
              variant="link"
              isDanger
              size="sm"
              isDisabled={missing !== undefined || volume.used_by != null}
              title={missing ?? (volume.used_by ? `${volume.used_by.name} uses it` : undefined)}
              aria-label={`Delete ${volume.name}`}
              onClick={() => setDeleting(volume)}
            >
              Delete
            </Button>
          )}
        />
      )}
      {creating && <CreateVolume pool={pool} onClose={() => setCreating(false)} />}
      {deleting && (
        <DeleteVolume pool={pool} volume={deleting} onClose={() => setDeleting(undefined)} />
      )}
    </section>
  );
}

function DeleteVolume({
  pool,
  volume,
  onClose,
}: {
  pool: string;
  volume: Volume;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(
        client.DELETE("/api/v1/pools/{pool}/volumes/{volume}", {
          params: { path: { pool, volume: volume.name } },
        }),
      ),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      tell(`Delete volume ${volume.name}: accepted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Delete volume ${volume.name}?`}
      confirm="Delete"
      danger
      typed={volume.name}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>{bytes(volume.capacity_bytes)} of data go with it. No VM that Hostler knows uses it.</p>
      {error && <ProblemAlert error={error} doing="Not deleted" />}
    </ConfirmDialog>
  );
}
