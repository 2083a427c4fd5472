// How far an operation has come: its steps as a bar, what it does now in words.
// Where nothing can be told of the step at work, only whole steps are counted.
import { Progress, ProgressMeasureLocation, ProgressSize } from "@patternfly/react-core";
import type { Operation } from "../api/types";
import { bytes } from "../lib/format";
import { isFinished } from "../lib/tone";

/** The share that is done, from 0 to 1; undefined where it cannot be told. */
export function fractionOf({ progress }: Operation): number | undefined {
  if (progress.steps_total === 0) return undefined;
  const inStep = Math.min(1, Math.max(0, progress.fraction ?? 0));
  return Math.min(1, (progress.steps_done + inStep) / progress.steps_total);
}

export function OperationProgress({ operation }: { operation: Operation }) {
  const { progress, state, phase, note } = operation;
  if (state === "succeeded") return <span>{note ?? "done"}</span>;
  if (isFinished(state) || state === "needs_attention") {
    return <span>{operation.error?.title ?? note ?? ""}</span>;
  }
  const fraction = fractionOf(operation);
  const moved =
    typeof progress.bytes_done === "number"
      ? `${bytes(progress.bytes_done)}${
          typeof progress.bytes_total === "number" ? ` of ${bytes(progress.bytes_total)}` : ""
        }`
      : undefined;
  const what = [progress.note ?? phase, moved].filter(Boolean).join(" · ");
  return (
    <span className="progress">
      {fraction !== undefined && (
        <Progress
          aria-label="Progress"
          size={ProgressSize.sm}
          value={Math.round(fraction * 100)}
          measureLocation={ProgressMeasureLocation.outside}
        />
      )}
      <small>{what || "waiting"}</small>
    </span>
  );
}
