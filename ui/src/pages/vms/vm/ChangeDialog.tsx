// Changes how large a VM is. What that would do is shown first: what takes effect at once, what
// at its next start, and what others manage, which is taken over only by whoever says so.
import { Alert, Checkbox } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeSpec, planChange } from "../../../api/changes";
import { keepOperation } from "../../../api/operations";
import { keys } from "../../../api/query";
import type { Vm, VmChangePlanned, VmSpec } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { TextField } from "../../../components/TextField";
import { useToasts } from "../../../components/Toasts";
import { resized } from "../../../lib/changes";
import { bytesArgument, parseBytes } from "../../../lib/format";
import { ConfirmDialog } from "../../../primitives/ConfirmDialog";
import { ChangePlan, Owners } from "./ChangePlan";

interface Props {
  vm: Vm;
  spec: VmSpec;
  etag: string | null;
  onClose: () => void;
}

export function ChangeDialog({ vm, spec, etag, onClose }: Props) {
  // What the reader saw when they began; live updates do not change it under them.
  const [base] = useState({ spec, etag });
  const [cpus, setCpus] = useState(String(spec.cpu?.count ?? 1));
  const [memory, setMemory] = useState(
    spec.memory?.bytes == null ? "" : bytesArgument(spec.memory.bytes),
  );
  const [taken, setTaken] = useState(false);
  const queries = useQueryClient();
  const { tell } = useToasts();
  const count = /^\s*[1-9]\d{0,4}\s*$/.test(cpus) ? Number(cpus) : undefined;
  const size = parseBytes(memory, "M");
  const wanted = (take?: VmChangePlanned) => ({
    spec: resized(base.spec, count ?? 1, size ?? 1),
    take_over: take?.managed_by_others ?? [],
    // Meant by whoever takes over what such a tool manages; nothing else needs it.
    from_gitops: take?.kept_by != null && take.managed_by_others.length > 0,
  });
  const plan = useMutation({ mutationFn: () => planChange(vm.id, wanted()) });
  const change = useMutation({
    mutationFn: (shown: VmChangePlanned) => changeSpec(vm.id, base.etag, wanted(shown)),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.lists("vms") });
      tell(operation.note ? `${vm.name}: ${operation.note}` : `Change ${vm.name}: accepted`);
      onClose();
    },
  });
  const edit = (set: (text: string) => void) => (text: string) => {
    set(text);
    // What was shown is of other values.
    setTaken(false);
    plan.reset();
    change.reset();
  };
  const shown = plan.data;
  const refused = shown?.changes.some(({ takes }) => takes === "refused") ?? false;
  const mayChange =
    shown !== undefined &&
    shown.changes.length > 0 &&
    !refused &&
    (taken || shown.managed_by_others.length === 0);
  return (
    <ConfirmDialog
      title={`Change ${vm.name}`}
      confirm={shown ? "Change" : "Show what it does"}
      busy={plan.isPending || change.isPending}
      complete={count !== undefined && !!size && (shown === undefined || mayChange)}
      onClose={onClose}
      onConfirm={() => (shown ? change.mutate(shown) : plan.mutate())}
    >
      <TextField
        label="Processors"
        required
        value={cpus}
        fault={count === undefined ? "A number from 1 on" : undefined}
        onChange={edit(setCpus)}
      />
      <TextField
        label="Memory"
        required
        value={memory}
        fault={size ? undefined : "An amount, for example 2 GiB"}
        help="MiB, or 2G"
        onChange={edit(setMemory)}
      />
      {plan.error && <ProblemAlert error={plan.error} doing="Cannot tell what it does" />}
      {shown && <ChangePlan plan={shown} />}
      {shown && <Owners plan={shown} />}
      {shown && shown.managed_by_others.length > 0 && (
        <Checkbox
          id="change-take-over"
          label="Take these fields over from them"
          isChecked={taken}
          onChange={(_event, next) => setTaken(next)}
        />
      )}
      {shown?.changes.length === 0 && (
        <Alert isInline component="p" variant="info" title="It is so already" />
      )}
      {change.error && <ProblemAlert error={change.error} doing="Not changed" />}
    </ConfirmDialog>
  );
}
