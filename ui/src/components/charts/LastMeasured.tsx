// What was measured last, with its age: each kind of pass by itself, since each may
// be old for a reason of its own.
import { Label } from "@patternfly/react-core";
import type { Measured } from "../../api/types";
import { familyOf } from "../../lib/charts/empty";
import { figure, unitOf } from "../../lib/charts/units";
import { duration } from "../../lib/format";
import { PlainTable } from "../../primitives/PlainTable";
import { Simulated } from "../Simulated";

/** What each kind of pass asks, in the reader's words. */
const PASS_TEXT: Record<string, string> = {
  state: "States and networks",
  stats: "Statistics",
  job: "Running job",
  guest: "Guest agent",
};

type Pass = Measured["passes"][number];

export function Passes({ measured }: { measured: Measured }) {
  if (measured.passes.length === 0) {
    return <p className="absent">not measured by this provider</p>;
  }
  return (
    <p className="passes">
      <Simulated when={measured.simulated} />
      {measured.passes.map((pass) => (
        <span key={whoOf(pass)} data-pass={pass.pass}>
          {PASS_TEXT[pass.pass] ?? pass.pass}
          {pass.by.kind === "agent" && ` (agent ${pass.by.name})`}: <PassAge pass={pass} />
        </span>
      ))}
    </p>
  );
}

/** A kind of pass may be made by several: the provider, and an agent. */
function whoOf({ pass, by }: Pass): string {
  return `${pass} ${by.kind} ${by.name}`;
}

function PassAge({ pass }: { pass: Pass }) {
  const { quality, reason, age_seconds: seconds } = pass;
  const ago = seconds === null || seconds === undefined ? undefined : `${duration(seconds)} ago`;
  if (quality === "ok") return <>{ago ?? "now"}</>;
  return (
    <Label isCompact variant="outline" color="orange">
      {quality}
      {reason ? `: ${reason}` : ""}
      {ago ? `, measured ${ago}` : ""}
    </Label>
  );
}

interface Row {
  id: string;
  pass: Pass;
  figure: Pass["figures"][number];
}

/** All of them, for who wants one that no chart shows. */
export function LastFigures({ measured }: { measured: Measured }) {
  const rows = measured.passes.flatMap((pass) =>
    pass.figures.map(
      (figure): Row => ({
        id: `${whoOf(pass)} ${figure.metric} ${labelsOf(figure)}`,
        pass,
        figure,
      }),
    ),
  );
  return (
    <details className="figures">
      <summary>All figures as measured last ({rows.length})</summary>
      <PlainTable
        label="All figures as measured last"
        rows={rows}
        rowId={({ id }) => id}
        empty="Nothing was measured."
        columns={[
          {
            header: "Metric",
            cell: ({ figure: { metric } }) => <code title={familyOf(metric)?.help}>{metric}</code>,
          },
          { header: "Of", cell: ({ figure }) => labelsOf(figure) },
          { header: "Value", cell: ({ figure }) => valueText(figure) },
          { header: "Each second", cell: ({ figure }) => rateText(figure) },
          { header: "Measured", cell: ({ pass }) => <PassAge pass={pass} /> },
        ]}
      />
    </details>
  );
}

function labelsOf({ labels }: Row["figure"]): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

function valueText({ metric, value }: Row["figure"]): string {
  // A time is no length of time.
  if (metric.endsWith("_time_seconds")) return new Date(value * 1000).toLocaleString();
  return figure(value, unitOf(familyOf(metric)?.unit ?? ""));
}

function rateText({ metric, per_second: rate }: Row["figure"]): string {
  if (rate === null || rate === undefined) return "";
  const unit = unitOf(familyOf(metric)?.unit ?? "");
  // Seconds in a second are processors, or things at once.
  if (unit === "seconds") return figure(rate, "cores");
  return figure(rate, unit === "bytes" ? "bytes_per_second" : "per_second");
}
