// Makes a disk larger. Nothing makes it smaller again, so less than it has is not accepted.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { growDisk } from "../../../../api/disks";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import type { Vm, VmDisk } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { TextField } from "../../../../components/TextField";
import { useToasts } from "../../../../components/Toasts";
import { bytes } from "../../../../lib/format";
import { isLive } from "../../../../lib/snapshots";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

const GIB = 2 ** 30;

interface Props {
  vm: Vm;
  disk: VmDisk;
  onClose: () => void;
}

export function GrowDialog({ vm, disk, onClose }: Props) {
  const [gib, setGib] = useState("");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const wanted = Number(gib) > 0 ? Math.round(Number(gib) * GIB) : undefined;
  const now = disk.capacity_bytes ?? undefined;
  const isLess = wanted !== undefined && now !== undefined && wanted <= now;
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: (size: number) => growDisk(vm.id, disk, size),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.item("disks", vm.id) });
      tell(`Grow disk ${disk.name}: accepted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Make the disk ${disk.name} of ${vm.name} larger`}
      confirm="Grow"
      busy={isPending}
      complete={wanted !== undefined && !isLess}
      onClose={onClose}
      onConfirm={() => wanted && mutate(wanted)}
    >
      <p>
        {isLive(vm) === false
          ? "The VM has the larger disk when it starts."
          : "The guest sees the larger disk at once."}{" "}
        File systems on it are the guest's to grow, and nothing makes it smaller again.
      </p>
      <TextField
        required
        label="Size in GiB"
        value={gib}
        fault={isLess ? `It has ${bytes(now)} already` : undefined}
        help={`Now ${bytes(now)}.`}
        onChange={(text) => {
          setGib(text.trim());
          reset();
        }}
      />
      {error && <ProblemAlert error={error} doing="Not grown" />}
    </ConfirmDialog>
  );
}
