// What there is no answer to: why, how much there is, and how much is needed.
import type { Outlook } from "../../api/types";
import { type Lack, lacksOf } from "../../lib/outlook/missing";
import { sentence } from "../../lib/outlook/words";
import { PlainTable } from "../../primitives/PlainTable";

export function OutlookMissing({ outlook }: { outlook: Outlook }) {
  const lacks = lacksOf(outlook);
  if (lacks.length === 0) return null;
  return (
    <section aria-labelledby="outlook-missing">
      <h2 className="charts-title" id="outlook-missing">
        Not known, and why
      </h2>
      <PlainTable
        label="Not known, and why"
        rows={lacks}
        rowId={(lack) => `${lack.answers.join()} ${lack.of.join()} ${lack.why}`}
        empty=""
        columns={[
          { header: "What", cell: ({ answers }) => answers.join(", ") },
          { header: "Of", cell: ({ of }) => of.join(", ") },
          { header: "Why", cell: (lack) => <Why lack={lack} /> },
        ]}
      />
      {lacks.some(({ progress }) => progress) && (
        <p className="outlook-help">
          What is lacking first is told; when it is there, more may be needed.
        </p>
      )}
    </section>
  );
}

function Why({ lack: { why, progress } }: { lack: Lack }) {
  return (
    <span className="outlook-cell">
      {sentence(why)}
      {progress && (
        <progress max={progress.need} value={progress.have} aria-label="How much of it is there" />
      )}
    </span>
  );
}
