// How fresh the page is: live, or since when it is not.
import { Label } from "@patternfly/react-core";
import { BoltIcon, DisconnectedIcon, InProgressIcon } from "@patternfly/react-icons";
import { useEffect, useState } from "react";
import { duration } from "../../lib/format";
import { useLive } from "../../live/LiveProvider";

/** A line that is down for so short a time is no news. */
const GRACE_MS = 5_000;

export function LiveChip() {
  const { phase, lastSign } = useLive();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (phase === "live") return;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [phase]);
  const silent = lastSign === undefined ? 0 : now - lastSign;
  const stale = phase !== "live" && lastSign !== undefined && silent > GRACE_MS;
  return (
    <span className="live-chip">
      {/* Told once when it changes; the seconds beside it are for eyes only. */}
      <span role="status" className="pf-v6-screen-reader">
        {stale ? "stale" : phase}
      </span>
      <span aria-hidden="true">
        {phase === "live" ? (
          <Label isCompact variant="outline" color="green" icon={<BoltIcon />}>
            live
          </Label>
        ) : stale ? (
          <Label isCompact color="orange" icon={<DisconnectedIcon />}>
            stale {duration(silent / 1000)}
          </Label>
        ) : (
          <Label isCompact variant="outline" color="blue" icon={<InProgressIcon />}>
            {phase === "connecting" ? "connecting" : "reconnecting"}
          </Label>
        )}
      </span>
    </span>
  );
}
