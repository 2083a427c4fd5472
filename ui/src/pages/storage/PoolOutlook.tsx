// What will be of a storage pool; how far ahead it looks stands in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { OutlookPanel } from "../../components/outlook/OutlookPanel";

export function PoolOutlook({ pool }: { pool: string }) {
  const { horizon } = useSearch({ from: "/storage/$poolId" });
  const navigate = useNavigate({ from: "/storage/$poolId" });
  return (
    <OutlookPanel
      of="pools"
      id={pool}
      horizon={horizon}
      onHorizon={(next) =>
        void navigate({
          search: ({ tab, ops }) => ({ tab, ops, horizon: next }),
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}
