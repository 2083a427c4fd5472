// What will be of a VM, a host or a pool, as a tab of its page; how far ahead it looks
// stands in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { OutlookOf } from "../../api/outlook";
import { OutlookPanel } from "./OutlookPanel";

/** On whose page it stands. */
const ROUTE = {
  vms: "/vms/$vmId",
  hosts: "/hosts/$hostId",
  pools: "/storage/$poolId",
} as const satisfies Record<OutlookOf, string>;

export function OutlookTab({ of, id }: { of: OutlookOf; id: string }) {
  const { horizon } = useSearch({ from: ROUTE[of] });
  const navigate = useNavigate({ from: ROUTE[of] });
  return (
    <OutlookPanel
      of={of}
      id={id}
      horizon={horizon}
      onHorizon={(next) =>
        void navigate({
          // Of the same thing.
          params: true,
          search: ({ tab, ops }) => ({ tab, ops, horizon: next }),
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}
