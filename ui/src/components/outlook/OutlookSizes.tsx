// Which size would fit a VM, why, and by which figures. A hint, and never more.
import {
  CheckCircleIcon,
  ExclamationTriangleIcon,
  InfoCircleIcon,
  QuestionCircleIcon,
} from "@patternfly/react-icons";
import type { ComponentType } from "react";
import type { Outlook, OutlookSize } from "../../api/types";
import { figure } from "../../lib/charts/units";
import { bytes, count, UNKNOWN, words } from "../../lib/format";
import { span } from "../../lib/outlook/spans";
import {
  sentence,
  shortWhy,
  sizeFigureText,
  sizeText,
  unitOf,
  whyText,
} from "../../lib/outlook/words";
import { PlainTable } from "../../primitives/PlainTable";
import { Tag, type TagColour } from "../../primitives/Tag";

const VERDICTS: Record<string, { text: string; colour: TagColour; Icon: ComponentType }> = {
  fits: { text: "fits", colour: "green", Icon: CheckCircleIcon },
  change: { text: "another would fit", colour: "blue", Icon: InfoCircleIcon },
  host_short: { text: "the host is short", colour: "orange", Icon: ExclamationTriangleIcon },
  unknown: { text: "not known", colour: "grey", Icon: QuestionCircleIcon },
};

export function OutlookSizes({ outlook: { sizing } }: { outlook: Outlook }) {
  if (sizing.length === 0) return null;
  return (
    <section aria-labelledby="outlook-sizes">
      <h2 className="charts-title" id="outlook-sizes">
        Does its size fit?
      </h2>
      <PlainTable
        label="Sizes"
        rows={sizing}
        rowId={({ of }) => of}
        empty="Nothing has a size."
        columns={[
          { header: "Of", cell: ({ of }) => sizeText(of) },
          {
            header: "Has",
            cell: (size) => <span className="outlook-amount">{amount(size, size.has)}</span>,
          },
          { header: "Would fit", cell: (size) => <Fitting size={size} /> },
          { header: "Verdict", cell: ({ verdict }) => <Verdict verdict={verdict} /> },
          { header: "Why", cell: whyOf },
          { header: "Goes by", cell: (size) => <Figures size={size} /> },
        ]}
      />
      <p className="outlook-help">A hint: who runs the VM knows what it is for.</p>
    </section>
  );
}

function amount({ of }: OutlookSize, value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  return of === "memory_bytes" ? bytes(value) : String(value);
}

function Fitting({ size }: { size: OutlookSize }) {
  if (size.verdict === "fits") return <span className="outlook-amount">what it has</span>;
  if (size.suggested === null || size.suggested === undefined) return <>{UNKNOWN}</>;
  return <strong className="outlook-amount">{amount(size, size.suggested)}</strong>;
}

function Verdict({ verdict }: { verdict: string }) {
  const known = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : undefined;
  const { text, colour, Icon } = known ?? {
    text: words(verdict),
    colour: "purple" as const,
    Icon: QuestionCircleIcon,
  };
  return (
    <Tag outline colour={colour} icon={<Icon />}>
      {text}
    </Tag>
  );
}

function whyOf({ verdict, reason, missing }: OutlookSize): string {
  if (missing) return sentence(whyText(missing, "count"));
  if (reason) return sentence(reason);
  return verdict === "fits" ? "Neither nearly all of it is used, nor hardly any." : "";
}

function Figures({ size: { figures, missing } }: { size: OutlookSize }) {
  if (figures.length === 0) {
    const isYoung = !missing || missing.why === "not_enough_data";
    return <span className="outlook-none">{isYoung ? "nothing yet" : shortWhy(missing)}</span>;
  }
  return (
    <ul className="outlook-figures">
      {figures.map(({ name, unit, p95, p99, values, looked_back_seconds: back }) => (
        <li key={name} title={`${count(values, "value")} over ${span(back)}`}>
          {sizeFigureText(name)}: up to {figure(p95, unitOf(unit))} for 95 % of the time,{" "}
          {figure(p99, unitOf(unit))} for 99 %
        </li>
      ))}
    </ul>
  );
}
