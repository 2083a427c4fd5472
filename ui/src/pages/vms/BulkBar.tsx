// What can be done with the ticked VMs, and a way to tick all that match.
import { Button } from "@patternfly/react-core";
import { useState } from "react";
import type { VmSummary } from "../../api/types";
import { useToasts } from "../../components/Toasts";
import { count } from "../../lib/format";
import { ACTION_TEXT, type VmAction } from "./actions";

interface Props {
  chosen: VmSummary[];
  loaded: number;
  total: number | undefined;
  hasMore: boolean;
  onSelectAll: () => Promise<void>;
  onClear: () => void;
  onAction: (action: VmAction, vms: VmSummary[]) => void;
}

const ACTIONS: readonly VmAction[] = ["start", "stop", "force_stop", "delete"];

export function BulkBar({ chosen, loaded, total, hasMore, onSelectAll, onClear, onAction }: Props) {
  const [reading, setReading] = useState(false);
  const { fail } = useToasts();
  return (
    <div className="bulk-bar" role="toolbar" aria-label="Selected VMs">
      <strong aria-live="polite">{count(chosen.length, "VM")} selected</strong>
      {hasMore && chosen.length === loaded && (
        <Button
          variant="link"
          isInline
          isLoading={reading}
          onClick={() => {
            setReading(true);
            onSelectAll()
              .catch((error) => fail("Cannot read all VMs", error))
              .finally(() => setReading(false));
          }}
        >
          Select all{total === undefined ? "" : ` ${total}`} that match
        </Button>
      )}
      {ACTIONS.map((action) => (
        <Button
          key={action}
          size="sm"
          variant={action === "delete" ? "danger" : "secondary"}
          onClick={() => onAction(action, chosen)}
        >
          {ACTION_TEXT[action]}
        </Button>
      ))}
      <Button variant="link" size="sm" onClick={onClear}>
        Clear selection
      </Button>
    </div>
  );
}
