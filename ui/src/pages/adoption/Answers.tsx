// What became of each of many VMs that were decided about.
import { Progress } from "@patternfly/react-core";
import type { AdoptionResult, PendingAdoption } from "../../api/types";

interface Props {
  rows: readonly PendingAdoption[];
  /** As many as have come. */
  results: readonly AdoptionResult[];
  /** What is said of one that it was done to. */
  done: string;
}

export function Answers({ rows, results, done }: Props) {
  const of = new Map(results.map((result) => [result.vm, result]));
  const good = results.filter((result) => result.done).length;
  const bad = results.length - good;
  return (
    <>
      <Progress
        aria-label="Decided"
        value={results.length}
        max={rows.length}
        label={`${results.length} of ${rows.length}`}
        title={`${good} ${done}, ${bad} refused`}
        variant={bad > 0 ? "warning" : undefined}
      />
      <ul className="answers" aria-live="polite">
        {rows.map(({ vm }) => (
          <li key={vm.id}>
            <strong>{vm.name}</strong> <Answer result={of.get(vm.id)} done={done} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Answer({ result, done }: { result: AdoptionResult | undefined; done: string }) {
  if (!result) return <span>waiting</span>;
  if (result.done) return <span>{done}</span>;
  return (
    <span className="refused">
      refused: {result.error ?? "no reason was told"} <code>{result.code}</code>
    </span>
  );
}
