// What is unusual now, with what would be usual; and what was looked at and is as ever.
import { ExclamationTriangleIcon } from "@patternfly/react-icons";
import type { Anomaly, Outlook, OutlookResource } from "../../api/types";
import { figure } from "../../lib/charts/units";
import { usualOf } from "../../lib/outlook/missing";
import { keyOf, nameOf, unitOf } from "../../lib/outlook/words";
import { Age } from "../../primitives/Age";

export function OutlookAnomalies({ outlook }: { outlook: Outlook }) {
  const unusual = outlook.resources.filter(({ anomalies }) => anomalies.length > 0);
  const usual = usualOf(outlook);
  if (unusual.length === 0 && usual.length === 0) return null;
  return (
    <section aria-labelledby="outlook-anomalies">
      <h2 className="charts-title" id="outlook-anomalies">
        Unusual now
      </h2>
      <ul className="outlook-list">
        {unusual.flatMap((resource) =>
          resource.anomalies.map((anomaly) => (
            <li key={`${keyOf(resource)} ${anomaly.kind}`}>
              <ExclamationTriangleIcon />
              <Unusual resource={resource} anomaly={anomaly} />
            </li>
          )),
        )}
      </ul>
      {usual.length > 0 && <p className="outlook-help">As ever: {usual.join(", ")}.</p>}
    </section>
  );
}

const WHERE: Record<string, string> = {
  hour_of_day: "is usual at this hour of the day",
  level: "was the level before",
};

function Unusual({ resource, anomaly }: { resource: OutlookResource; anomaly: Anomaly }) {
  const text = (value: number) => figure(value, unitOf(resource.unit));
  const { seen, expected_low: low, expected_high: high, distance } = anomaly;
  return (
    <span>
      <strong>{nameOf(resource)}</strong>: {text(seen)}, where {text(low)} to {text(high)}{" "}
      {WHERE[anomaly.kind] ?? "was to be expected"}; since <Age at={anomaly.since} ago />,{" "}
      {Number(distance.toFixed(1))} times the usual distance away.
      <small>Why it is told, in plain figures: {anomaly.reason}</small>
    </span>
  );
}
