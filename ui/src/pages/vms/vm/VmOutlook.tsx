// What will be of a VM; how far ahead it looks stands in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { OutlookPanel } from "../../../components/outlook/OutlookPanel";

export function VmOutlook({ vm }: { vm: string }) {
  const { horizon } = useSearch({ from: "/vms/$vmId" });
  const navigate = useNavigate({ from: "/vms/$vmId" });
  return (
    <OutlookPanel
      of="vms"
      id={vm}
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
