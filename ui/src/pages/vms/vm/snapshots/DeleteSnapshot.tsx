// Deletes a snapshot; the VM and the others stay as they are.
import { useQueryClient } from "@tanstack/react-query";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import { deleteSnapshot } from "../../../../api/snapshots";
import type { Snapshot, Vm } from "../../../../api/types";
import { RemoveDialog } from "../../../../components/RemoveDialog";
import { useToasts } from "../../../../components/Toasts";

interface Props {
  vm: Vm;
  snapshot: Snapshot;
  onClose: () => void;
}

export function DeleteSnapshot({ vm, snapshot, onClose }: Props) {
  const queries = useQueryClient();
  const { tell } = useToasts();
  return (
    <RemoveDialog
      title={`Delete the snapshot ${snapshot.name} of ${vm.name}?`}
      confirm="Delete"
      list={keys.item("snapshots", vm.id)}
      remove={async () => {
        const operation = await deleteSnapshot(vm.id, snapshot);
        keepOperation(queries, operation);
        tell(`Delete snapshot ${snapshot.name}: accepted`);
      }}
      onClose={onClose}
    >
      Nobody can go back to it any more. The VM stays as it is, and so do snapshots that grew from
      this one.
    </RemoveDialog>
  );
}
