// Takes a snapshot. What the provider's snapshots cannot do is not offered, with the reason; what
// it says only when it is asked stands here then, and nothing was taken.
import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import { takeSnapshot } from "../../../../api/snapshots";
import type { Snapshot, SnapshotRequest, Vm } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { TextField } from "../../../../components/TextField";
import { useToasts } from "../../../../components/Toasts";
import { isLive } from "../../../../lib/snapshots";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

interface Props {
  vm: Vm;
  /** Those that it has: a name is of one alone. */
  others: readonly Snapshot[];
  onClose: () => void;
}

type Quiesce = NonNullable<SnapshotRequest["quiesce"]>;

export function TakeDialog({ vm, others, onClose }: Props) {
  const id = useId();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [memory, setMemory] = useState(false);
  const [quiesce, setQuiesce] = useState<Quiesce>("wanted");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () =>
      takeSnapshot(vm.id, {
        name,
        description,
        content: memory ? "disks_and_memory" : "disks",
        quiesce,
      }),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.item("snapshots", vm.id) });
      tell(`Take snapshot ${name}: accepted`);
      onClose();
    },
  });
  // Whatever the provider can: a VM that is off has no memory, and no guest to bring to rest.
  const off = isLive(vm) === false ? "The VM is off" : undefined;
  const limits = vm.snapshot_limits;
  const noMemory = off
    ? `${off} and has no memory.`
    : limits?.memory === false
      ? "Its provider's snapshots hold disks only."
      : undefined;
  const taken = others.some((one) => one.name === name);
  const anew =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      reset();
    };
  return (
    <ConfirmDialog
      title={`Take a snapshot of ${vm.name}`}
      confirm="Take"
      busy={isPending}
      complete={name !== "" && !taken}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <TextField
        required
        label="Name"
        value={name}
        fault={taken ? "It has one of that name" : undefined}
        help="Unique among those of the VM."
        onChange={anew((text: string) => setName(text.trim()))}
      />
      <TextField label="Description" value={description} onChange={anew(setDescription)} />
      <Checkbox
        id={`${id}-memory`}
        label="With its memory"
        description={
          noMemory ?? "Going back to it goes on where it was. Otherwise the VM is off afterwards."
        }
        isDisabled={noMemory !== undefined}
        isChecked={memory}
        onChange={(_event, checked) => anew(setMemory)(checked)}
      />
      <FormGroup label="Bring the guest to rest" fieldId={`${id}-quiesce`}>
        <FormSelect
          id={`${id}-quiesce`}
          value={quiesce}
          isDisabled={off !== undefined || memory}
          aria-describedby={`${id}-quiesce-help`}
          onChange={(_event, next) => anew(setQuiesce)(next as Quiesce)}
        >
          <FormSelectOption value="wanted" label="If it can be" />
          <FormSelectOption
            value="required"
            label="It has to be, or there is no snapshot"
            isDisabled={limits?.quiesce === false}
          />
        </FormSelect>
        <FormHelperText>
          <HelperText id={`${id}-quiesce-help`}>
            <HelperTextItem>
              {off
                ? `${off}: its disks are at rest.`
                : memory
                  ? "With its memory there is no need to."
                  : limits?.quiesce === false
                    ? "Its provider cannot bring guests to rest."
                    : "How it truly came out is told in the list."}
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      {error && <ProblemAlert error={error} doing="Not taken" />}
    </ConfirmDialog>
  );
}
