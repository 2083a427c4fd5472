// Runs actions on VMs from any page: one VM at once, dangerous things after a
// question, many VMs with a result for each. Gives the dialogs to be shown.
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useState } from "react";
import { keepOperation } from "../../api/operations";
import type { VmSummary } from "../../api/types";
import { useToasts } from "../../components/Toasts";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import {
  ACTION_DANGER,
  ACTION_TEXT,
  act,
  POWER_ACTIONS,
  type PowerAction,
  type VmAction,
} from "./actions";
import { BulkDialog } from "./BulkDialog";
import { CloneDialog } from "./CloneDialog";
import { DeleteDialog } from "./DeleteDialog";
import { MigrateDialog } from "./MigrateDialog";

const isPower = (action: VmAction): action is PowerAction =>
  (POWER_ACTIONS as readonly VmAction[]).includes(action);

interface Asked {
  action: VmAction;
  vms: VmSummary[];
}

export interface VmCommands {
  run: (action: VmAction, vms: VmSummary[]) => void;
  dialogs: ReactNode;
}

export function useVmCommands(onDeleted?: () => void): VmCommands {
  const [asked, setAsked] = useState<Asked>();
  const queries = useQueryClient();
  const { tell, fail } = useToasts();

  const actOnOne = useCallback(
    async (action: PowerAction, vm: VmSummary) => {
      try {
        const operation = await act(vm.id, action);
        keepOperation(queries, operation);
        tell(
          operation.note
            ? `${vm.name}: ${operation.note}`
            : `${ACTION_TEXT[action]} ${vm.name}: accepted`,
        );
      } catch (error) {
        fail(`${ACTION_TEXT[action]} ${vm.name}`, error);
      }
    },
    [queries, tell, fail],
  );

  const run = useCallback(
    (action: VmAction, vms: VmSummary[]) => {
      const [vm] = vms;
      if (!vm) return;
      const isPlain = isPower(action) && ACTION_DANGER[action] === undefined;
      if (vms.length === 1 && isPlain) void actOnOne(action, vm);
      else setAsked({ action, vms });
    },
    [actOnOne],
  );

  const close = () => setAsked(undefined);
  return { run, dialogs: asked && dialogFor(asked, close, actOnOne, onDeleted) };
}

function dialogFor(
  { action, vms }: Asked,
  close: () => void,
  actOnOne: (action: PowerAction, vm: VmSummary) => Promise<void>,
  onDeleted: (() => void) | undefined,
): ReactNode {
  const [vm] = vms;
  if (!vm) return null;
  // Each VM has destinations, and snapshots, of its own.
  if (action === "migrate") return <MigrateDialog vm={vm} onClose={close} />;
  if (action === "clone") return <CloneDialog vm={vm} onClose={close} />;
  if (vms.length > 1) return <BulkDialog action={action} vms={vms} onClose={close} />;
  if (action === "delete") {
    return <DeleteDialog vm={vm} onClose={close} onDeleted={onDeleted} />;
  }
  return (
    <ConfirmDialog
      title={`${ACTION_TEXT[action]} ${vm.name}?`}
      confirm={ACTION_TEXT[action]}
      danger
      onClose={close}
      onConfirm={() => {
        close();
        void actOnOne(action, vm);
      }}
    >
      <p>{ACTION_DANGER[action]}</p>
    </ConfirmDialog>
  );
}
