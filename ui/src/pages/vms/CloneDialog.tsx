// Makes a VM of another one: as it is now, or as one of its snapshots holds it. What its provider
// cannot do is not offered, with the reason; how it goes on, the drawer of operations tells.
import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { cloneVm } from "../../api/clones";
import { keepOperation } from "../../api/operations";
import { keys, vmQuery } from "../../api/query";
import { snapshotsQuery } from "../../api/snapshots";
import type { Snapshot, VmSummary } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { TextField } from "../../components/TextField";
import { useToasts } from "../../components/Toasts";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";

/** What stands for the VM as it is, where the others are references of snapshots. */
const NOW = "";

export function CloneDialog({ vm, onClose }: { vm: VmSummary; onClose: () => void }) {
  const id = useId();
  const [name, setName] = useState("");
  const [of, setOf] = useState<string>();
  const [start, setStart] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { tell } = useToasts();
  const limits = useQuery(vmQuery(vm.id)).data?.data.clone_limits;
  const asks = limits?.snapshots === true;
  const listed = useQuery({ ...snapshotsQuery(vm.id), enabled: asks });
  const ready = (listed.data ?? []).filter(({ state }) => state === "ready");
  const noNow =
    limits?.live === false && vm.status.state !== "stopped"
      ? "Its provider clones VMs that are off only; stop it, or choose a snapshot."
      : undefined;
  const chosen = of ?? (noNow ? undefined : NOW);
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () => cloneVm(vm.id, { name, snapshot: chosen || undefined, start }),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.lists("vms") });
      tell(`Clone ${vm.name} as ${name}: accepted`);
      onClose();
      void navigate({ to: ".", search: (old: object) => ({ ...old, ops: true as const }) });
    },
  });
  const anew =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      reset();
    };
  return (
    <ConfirmDialog
      title={`Clone ${vm.name}`}
      confirm="Clone"
      busy={isPending}
      complete={name !== "" && name !== vm.name && chosen !== undefined}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <TextField
        required
        label="Name"
        value={name}
        fault={name === vm.name ? "It is the name of the VM itself" : undefined}
        help="The clone has disks and addresses of its own, and is where the VM is."
        onChange={anew((text: string) => setName(text.trim()))}
      />
      <FormGroup label="Made of" fieldId={`${id}-of`}>
        <FormSelect
          id={`${id}-of`}
          value={chosen ?? "none"}
          aria-describedby={`${id}-of-help`}
          onChange={(_event, next) => anew(setOf)(next)}
        >
          {chosen === undefined && <FormSelectOption value="none" label="Choose" isPlaceholder />}
          <FormSelectOption value={NOW} label="What it is now" isDisabled={noNow !== undefined} />
          {ready.map((one) => (
            <FormSelectOption key={one.reference} value={one.reference} label={called(one)} />
          ))}
        </FormSelect>
        <FormHelperText>
          <HelperText id={`${id}-of-help`}>
            <HelperTextItem>{noNow ?? helpOf(vm, limits?.snapshots, chosen)}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <Checkbox
        id={`${id}-start`}
        label="Start it"
        isChecked={start}
        onChange={(_event, checked) => anew(setStart)(checked)}
      />
      {listed.error && <ProblemAlert error={listed.error} doing="Cannot list its snapshots" />}
      {error && <ProblemAlert error={error} doing="Not cloned" />}
    </ConfirmDialog>
  );
}

const called = ({ name }: Snapshot) => `Snapshot ${name}`;

function helpOf(vm: VmSummary, snapshots: boolean | undefined, chosen: string | undefined): string {
  if (chosen !== NOW) return "Its disks as they were then; the snapshot stays.";
  const isOff = vm.status.state === "stopped";
  const now = isOff ? "Its disks are at rest." : "It is on: the disks may be as after a power cut.";
  return snapshots === false ? `${now} Its provider clones no snapshots.` : now;
}
