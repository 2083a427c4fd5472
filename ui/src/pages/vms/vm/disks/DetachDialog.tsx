// Detaches a disk. Its volume stays, unless it was made for this VM and somebody asks for its end,
// by its name.
import { Checkbox } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { detachDisk } from "../../../../api/disks";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import type { Vm, VmDisk } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { useToasts } from "../../../../components/Toasts";
import { useMissing } from "../../../../components/useMay";
import { isLive } from "../../../../lib/snapshots";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

interface Props {
  vm: Vm;
  disk: VmDisk;
  onClose: () => void;
}

export function DetachDialog({ vm, disk, onClose }: Props) {
  const id = useId();
  const [deletes, setDeletes] = useState(false);
  const missing = useMissing("volume.manage");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => detachDisk(vm.id, disk, deletes),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.item("disks", vm.id) });
      tell(`Detach disk ${disk.name}: accepted`);
      onClose();
    },
  });
  const kept = disk.own_volume ? missing : "It was not made for this VM, and stays.";
  return (
    <ConfirmDialog
      title={`Detach the disk ${disk.name} of ${vm.name}?`}
      confirm={deletes ? "Detach and delete" : "Detach"}
      danger
      typed={deletes ? disk.name : undefined}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>
        {isLive(vm) === false
          ? "The VM will not have it when it starts."
          : "The guest is asked to give it up: unmount what is on it first."}
      </p>
      <Checkbox
        id={`${id}-deletes`}
        label="Delete its volume, and all data on it"
        description={kept ?? `Volume ${disk.pool ?? ""}/${disk.volume ?? ""} stays otherwise.`}
        isDisabled={kept !== undefined}
        isChecked={deletes}
        onChange={(_event, checked) => setDeletes(checked)}
      />
      {error && <ProblemAlert error={error} doing="Not detached" />}
    </ConfirmDialog>
  );
}
