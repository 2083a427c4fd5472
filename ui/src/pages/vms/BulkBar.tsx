// What can be done with the ticked VMs, and a way to tick all that match.
import { Button } from "@patternfly/react-core";
import type { VmSummary } from "../../api/types";
import { SelectionBar } from "../../components/SelectionBar";
import { ACTION_TEXT, type BulkAction, type VmAction } from "./actions";

interface Props {
  chosen: VmSummary[];
  loaded: number;
  total: number | undefined;
  hasMore: boolean;
  onSelectAll: () => Promise<void>;
  onClear: () => void;
  onAction: (action: VmAction, vms: VmSummary[]) => void;
}

const ACTIONS: readonly BulkAction[] = ["start", "stop", "force_stop", "delete"];

export function BulkBar({ chosen, onAction, ...bar }: Props) {
  return (
    <SelectionBar chosen={chosen.length} {...bar}>
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
    </SelectionBar>
  );
}
