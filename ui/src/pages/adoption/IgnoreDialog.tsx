// Leaves a VM alone, with a reason for those who wonder later.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemAlert } from "../../components/ProblemAlert";
import { TextField } from "../../components/TextField";
import { useToasts } from "../../components/Toasts";
import { reasonFault } from "../../lib/adoption";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { type Decided, faultsIn, ignoreVm } from "./decisions";
import { useReread } from "./useReread";

export function IgnoreDialog({ vm, onClose }: { vm: Decided; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const reread = useReread();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => ignoreVm(vm.id, reason.trim()),
    onSuccess: () => {
      tell(`${vm.name} is left alone`);
      reread([]);
      onClose();
    },
  });
  const fault = reasonFault(reason);
  return (
    <ConfirmDialog
      title={`Leave ${vm.name} alone`}
      confirm="Leave alone"
      busy={isPending}
      complete={reason.trim() !== "" && fault === undefined}
      onConfirm={() => mutate()}
      onClose={onClose}
    >
      <p>
        It does not wait for a decision any more. Nothing of the VM changes, and it is shown among
        the VMs as before. It can be offered again at any time.
      </p>
      <TextField
        label="Why"
        required
        value={reason}
        onChange={setReason}
        fault={fault ?? faultsIn(error).reason}
        help="Stands beside it in the list of those that are left alone."
      />
      {error && <ProblemAlert error={error} doing="Not left alone" />}
    </ConfirmDialog>
  );
}
