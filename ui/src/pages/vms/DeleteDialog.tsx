// Deletes one VM: says what goes, what stays, and names the disks. Where data
// goes too, the VM's name has to be typed.
import { Checkbox, Content } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { keepOperation } from "../../api/operations";
import { vmQuery } from "../../api/query";
import type { Vm, VmSummary } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { bytes } from "../../lib/format";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { deleteVm } from "./actions";

interface Props {
  vm: VmSummary;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDialog({ vm, onClose, onDeleted }: Props) {
  const [wantsDisks, setDisks] = useState(false);
  const queries = useQueryClient();
  const { tell } = useToasts();
  const detail = useQuery(vmQuery(vm.id));
  // Of a VM that was adopted no volume is Hostler's, and none goes with it.
  const isAdopted = Boolean(detail.data?.data.adopted);
  const disks = wantsDisks && !isAdopted;
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => deleteVm(vm.id, disks),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      tell(`Delete ${vm.name}: accepted`);
      onClose();
      onDeleted?.();
    },
  });
  const names = detail.data ? diskNames(detail.data.data) : undefined;
  return (
    <ConfirmDialog
      title={`Delete ${vm.name}?`}
      confirm="Delete"
      danger
      typed={disks ? vm.name : undefined}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <Content>
        <p>
          Its definition goes, and with it firmware variables, TPM state, saved memory and snapshot
          records.{" "}
          {disks
            ? "Its disks are deleted with all data on them."
            : isAdopted
              ? "Its disks stay: it was adopted, and they are not Hostler's."
              : "Its disks stay."}
        </p>
        {names === undefined ? (
          <p>{detail.error ? "Its disks could not be read." : "Reading its disks …"}</p>
        ) : names.length === 0 ? (
          <p>It has no disks.</p>
        ) : (
          <ul>
            {names.map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        )}
      </Content>
      {!isAdopted && (
        <Checkbox
          id="delete-disks"
          label="Delete the volumes made for it, with the data on them"
          isChecked={disks}
          onChange={(_event, wanted) => setDisks(wanted)}
        />
      )}
      {error && <ProblemAlert error={error} doing={`Cannot delete ${vm.name}`} />}
    </ConfirmDialog>
  );
}

/** Its disks by what is seen of them, else by what was asked for. */
function diskNames(vm: Vm): string[] {
  const seen = vm.observed?.disks.value;
  if (seen) {
    return seen
      .filter((disk) => disk.device === "disk")
      .map((disk) => {
        const size = disk.capacity_bytes ? ` (${bytes(disk.capacity_bytes)})` : "";
        return `${disk.target}: ${disk.source ?? "empty"}${size}`;
      });
  }
  return (vm.spec?.disks ?? []).filter((disk) => disk.device !== "cdrom").map((disk) => disk.name);
}
