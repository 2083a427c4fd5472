// Deletes one VM: says which volumes go and which stay, as the server has it, and deletes it only
// as it was then. Where data goes too, the VM's name has to be typed.
import { Checkbox, Content } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deletionQuery } from "../../api/deletions";
import { keepOperation } from "../../api/operations";
import type { VmDeletion, VmSummary, VmVolume } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { useMissing } from "../../components/useMay";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { deleteVm } from "./actions";

interface Props {
  vm: VmSummary;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDialog({ vm, onClose, onDeleted }: Props) {
  const [disks, setDisks] = useState(false);
  const queries = useQueryClient();
  const { tell } = useToasts();
  const missing = useMissing("volume.manage");
  const { data: shown, error: unread } = useQuery(deletionQuery(vm.id, disks));
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => deleteVm(vm.id, disks, shown?.etag),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      tell(`Delete ${vm.name}: accepted`);
      onClose();
      onDeleted?.();
    },
  });
  const deletion = shown?.deletion;
  const offers = disks || deletion?.volumes.some(isOwn);
  return (
    <ConfirmDialog
      title={`Delete ${vm.name}?`}
      confirm="Delete"
      danger
      typed={disks ? vm.name : undefined}
      busy={isPending}
      // With its disks nothing is deleted that was not shown.
      complete={!disks || deletion !== undefined}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <Content>
        <p>
          Its definition goes, and with it firmware variables, TPM state
          {deletion?.ends_snapshots ? ", saved memory and snapshots." : " and saved memory."}
          {deletion?.ends_snapshots === false && " Its snapshots stay."}
        </p>
        {deletion && <Volumes deletion={deletion} />}
        {!deletion && <p>{unread ? "Its volumes could not be read." : "Reading its volumes …"}</p>}
      </Content>
      {offers && (
        <Checkbox
          id="delete-disks"
          label="Delete the volumes made for it, with the data on them"
          description={missing}
          isDisabled={missing !== undefined}
          isChecked={disks}
          onChange={(_event, wanted) => setDisks(wanted)}
        />
      )}
      {unread && <ProblemAlert error={unread} doing="Cannot tell what goes with it" />}
      {error && <ProblemAlert error={error} doing={`Cannot delete ${vm.name}`} />}
    </ConfirmDialog>
  );
}

/** Whether it goes if that is asked for. */
function isOwn({ kind }: VmVolume): boolean {
  return kind === "disk" || kind === "left_behind";
}

function Volumes({ deletion: { volumes, others } }: { deletion: VmDeletion }) {
  // Of the seed there is nothing to lose, and it goes in any case.
  const data = volumes.filter(({ kind }) => kind !== "seed");
  const gone = data.filter(({ goes }) => goes);
  const kept = [...data.filter(({ goes }) => !goes).map(nameOf), ...others];
  const used = gone.filter((one) => one.used_by);
  return (
    <>
      {gone.length > 0 && (
        <>
          <p>These volumes are deleted, with all data on them:</p>
          <Names names={gone.map(nameOf)} />
        </>
      )}
      {kept.length > 0 && (
        <>
          <p>These stay:</p>
          <Names names={kept} />
        </>
      )}
      {data.length + others.length === 0 && <p>It has no disks.</p>}
      {used.map((one) => (
        <p key={nameOf(one)}>
          It will be refused: {nameOf(one)} belongs to {one.used_by?.name}.
        </p>
      ))}
    </>
  );
}

function nameOf({ pool, volume, disk, kind }: VmVolume): string {
  const of = kind === "left_behind" ? "left behind when it was put back" : disk;
  return of ? `${pool}/${volume} (${of})` : `${pool}/${volume}`;
}

function Names({ names }: { names: string[] }) {
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <code>{name}</code>
        </li>
      ))}
    </ul>
  );
}
