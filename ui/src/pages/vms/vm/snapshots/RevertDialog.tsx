// Puts a VM back to a snapshot, after what is lost by that was said and its name was typed.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import { revertTo } from "../../../../api/snapshots";
import type { Snapshot, Vm } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { useToasts } from "../../../../components/Toasts";
import { localTime } from "../../../../lib/format";
import { lostBy } from "../../../../lib/snapshots";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

interface Props {
  vm: Vm;
  snapshot: Snapshot;
  onClose: () => void;
}

export function RevertDialog({ vm, snapshot, onClose }: Props) {
  const queries = useQueryClient();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => revertTo(vm.id, snapshot),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.item("snapshots", vm.id) });
      tell(`Go back to ${snapshot.name}: accepted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Put ${vm.name} back to ${snapshot.name}?`}
      confirm="Go back"
      danger
      typed={vm.name}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <ul>
        {lostBy(snapshot, vm, localTime).map((loss) => (
          <li key={loss}>{loss}</li>
        ))}
      </ul>
      {error && <ProblemAlert error={error} doing="Not put back" />}
    </ConfirmDialog>
  );
}
