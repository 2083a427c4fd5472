// What somebody can do to an operation: cancel it while it runs; try again or
// settle it by hand when it needs attention.
import { Button, FormGroup, TextArea } from "@patternfly/react-core";
import { useId, useState } from "react";
import { useOperationVerb } from "../api/operations";
import type { Operation } from "../api/types";
import { ConfirmDialog } from "../primitives/ConfirmDialog";
import { useToasts } from "./Toasts";
import { useMissing } from "./useMay";

export function OperationVerbs({ operation }: { operation: Operation }) {
  const { mutate, isPending } = useOperationVerb(operation.id);
  const { fail } = useToasts();
  const missing = useMissing("operation.manage");
  const [settling, setSettling] = useState(false);
  const stuck = operation.state === "needs_attention";
  if (!stuck && !operation.cancellable) return null;
  const disabled = isPending || missing !== undefined;
  return (
    <span className="verbs">
      {operation.cancellable && (
        <Button
          variant="secondary"
          size="sm"
          isDisabled={disabled}
          title={missing ?? "What it did is undone"}
          onClick={() =>
            mutate({ verb: "cancel" }, { onError: (error) => fail("Cannot cancel", error) })
          }
        >
          Cancel
        </Button>
      )}
      {stuck && (
        <>
          <Button
            variant="secondary"
            size="sm"
            isDisabled={disabled}
            title={missing}
            onClick={() =>
              mutate({ verb: "retry" }, { onError: (error) => fail("Cannot retry", error) })
            }
          >
            Retry
          </Button>
          <Button
            variant="link"
            size="sm"
            isDisabled={disabled}
            title={missing}
            onClick={() => setSettling(true)}
          >
            Mark resolved
          </Button>
        </>
      )}
      {settling && <Settle operation={operation} onClose={() => setSettling(false)} />}
    </span>
  );
}

function Settle({ operation, onClose }: { operation: Operation; onClose: () => void }) {
  const { mutate, isPending } = useOperationVerb(operation.id);
  const { fail } = useToasts();
  const [note, setNote] = useState("");
  const id = useId();
  return (
    <ConfirmDialog
      title={`Mark ${operation.kind} as resolved`}
      confirm="Mark resolved"
      busy={isPending}
      complete={note.trim() !== ""}
      onClose={onClose}
      onConfirm={() =>
        mutate(
          { verb: "resolve", note: note.trim() },
          { onSuccess: onClose, onError: (error) => fail("Cannot resolve", error) },
        )
      }
    >
      <p>Hostler then takes the matter as settled by hand and does nothing more about it.</p>
      <FormGroup label="What was done" fieldId={id} isRequired>
        <TextArea
          id={id}
          value={note}
          onChange={(_event, next) => setNote(next)}
          resizeOrientation="vertical"
        />
      </FormGroup>
    </ConfirmDialog>
  );
}
