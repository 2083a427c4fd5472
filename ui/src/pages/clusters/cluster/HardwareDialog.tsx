// Declares hardware of a cluster. What is said replaces all that was said before; what is
// not named is left to the hosts.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { declareHardware } from "../../../api/clusters";
import { keys } from "../../../api/query";
import type { Cluster } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { TextField } from "../../../components/TextField";
import { ConfirmDialog } from "../../../primitives/ConfirmDialog";

type Said = "hosts" | "yes" | "no";

export function HardwareDialog({ cluster, onClose }: { cluster: Cluster; onClose: () => void }) {
  const id = useId();
  const [declared, setDeclared] = useState<Record<string, boolean>>(cluster.declared_hardware);
  const [name, setName] = useState("");
  const queries = useQueryClient();
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () => declareHardware(cluster.id, declared),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: keys.item("clusters", cluster.id) });
      void queries.invalidateQueries({ queryKey: keys.lists("clusters") });
      onClose();
    },
  });
  const told = (cluster.capabilities?.hardware ?? []).map((hardware) => hardware.name);
  const typed = name.trim();
  const names = [...new Set([...told, ...Object.keys(declared), ...(typed ? [typed] : [])])].sort();
  const say = (of: string, said: Said) => {
    const { [of]: _before, ...rest } = declared;
    setDeclared(said === "hosts" ? rest : { ...rest, [of]: said === "yes" });
    reset();
  };
  return (
    <ConfirmDialog
      title={`Declare hardware of ${cluster.name}`}
      confirm="Declare"
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>What is declared counts, whatever the hosts tell.</p>
      {names.map((of) => (
        <FormGroup key={of} label={of} fieldId={`${id}-${of}`}>
          <FormSelect
            id={`${id}-${of}`}
            value={saidOf(declared[of])}
            onChange={(_event, said) => say(of, said as Said)}
          >
            <FormSelectOption value="hosts" label="as the hosts tell" />
            <FormSelectOption value="yes" label="it is there" />
            <FormSelectOption value="no" label="it is not there" />
          </FormSelect>
        </FormGroup>
      ))}
      <TextField
        label="Other hardware"
        value={name}
        placeholder="nvidia.com/TU104GL"
        help="Its name, as hosts would tell it; it then stands above."
        onChange={setName}
      />
      {error && <ProblemAlert error={error} doing="Not declared" />}
    </ConfirmDialog>
  );
}

function saidOf(declared: boolean | undefined): Said {
  if (declared === undefined) return "hosts";
  return declared ? "yes" : "no";
}
