// What will be of a host; how far ahead it looks stands in the URL.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { OutlookPanel } from "../../components/outlook/OutlookPanel";

export function HostOutlook({ host }: { host: string }) {
  const { horizon } = useSearch({ from: "/hosts/$hostId" });
  const navigate = useNavigate({ from: "/hosts/$hostId" });
  return (
    <OutlookPanel
      of="hosts"
      id={host}
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
