// Takes one VM into care: says what would be written down and what to know before, and
// that nothing of the VM changes.
import { Checkbox } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { keys } from "../../api/query";
import { ProblemAlert } from "../../components/ProblemAlert";
import { TextField } from "../../components/TextField";
import { useToasts } from "../../components/Toasts";
import { type AdoptFields, adoptFaults, adoptRequest } from "../../lib/adoption";
import { nameFault } from "../../lib/vmDraft";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { adoptVm, type Decided, faultsIn } from "./decisions";
import { Planned } from "./Planned";
import { usePlan } from "./usePlan";
import { useReread } from "./useReread";
import { WhatItIs } from "./WhatItIs";

export function AdoptDialog({ vm, onClose }: { vm: Decided; onClose: () => void }) {
  const id = useId();
  const [fields, setFields] = useState<AdoptFields>({
    name: vm.name,
    project: "",
    readOnly: false,
    reason: "",
  });
  const request = adoptRequest(fields, vm.name);
  const plan = usePlan(vm.id, request);
  const queries = useQueryClient();
  const reread = useReread();
  const { tell } = useToasts();
  const { mutate, reset, isPending, error } = useMutation({
    mutationFn: () => adoptVm(vm.id, request),
    onSuccess: (answer) => {
      queries.setQueryData(keys.item("vms", vm.id), answer);
      const how = fields.readOnly ? "managed for reading only" : "managed";
      tell(`${answer.data.name} is ${how} from now on`);
      reread([]);
      onClose();
    },
  });
  const change = (part: Partial<AdoptFields>) => {
    setFields((old) => ({ ...old, ...part }));
    // What was refused was something else.
    if (error) reset();
  };
  const typed = adoptFaults(fields, vm.name);
  const faults = { ...faultsIn(plan.isOld ? undefined : plan.error), ...faultsIn(error), ...typed };
  const possible = !plan.isOld && !plan.error && plan.planned?.adoptable === true;
  return (
    <ConfirmDialog
      title={`Adopt ${vm.name}`}
      confirm="Adopt"
      busy={isPending}
      complete={possible && Object.keys(typed).length === 0}
      onConfirm={() => mutate()}
      onClose={onClose}
    >
      <p>
        Hostler manages it from now on. Nothing of the VM changes by that: neither its definition
        nor what it is doing.
      </p>
      <WhatItIs of={vm} />
      <TextField
        label="Name"
        value={fields.name}
        onChange={(name) => change({ name })}
        required={nameFault(vm.name) !== undefined}
        fault={faults.name}
        placeholder={vm.name}
        help="Its name here. The one at its provider stays."
      />
      <TextField
        label="Project"
        value={fields.project}
        onChange={(project) => change({ project })}
        fault={faults.project}
        placeholder="default"
      />
      <Checkbox
        id={`${id}-read-only`}
        label="For reading only"
        description="Hostler only looks at it: nothing that changes it is offered, neither its power nor its settings. Its console can be opened."
        isChecked={fields.readOnly}
        onChange={(_event, readOnly) => change({ readOnly })}
      />
      <TextField
        label="Why"
        value={fields.reason}
        onChange={(reason) => change({ reason })}
        fault={faults.reason}
        help="For those who look at it later."
      />
      <Planned plan={plan} />
      {error && <ProblemAlert error={error} doing="Not adopted" />}
    </ConfirmDialog>
  );
}
