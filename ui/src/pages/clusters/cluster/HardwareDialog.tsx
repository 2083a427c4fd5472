// Declares hardware of a cluster. What was changed here is sent and nothing else, so that what
// others say meanwhile stays; what is not named is left to the hosts.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { declareHardware } from "../../../api/clusters";
import { keys } from "../../../api/query";
import type { Cluster } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { TextField } from "../../../components/TextField";
import { useToasts } from "../../../components/Toasts";
import { ConfirmDialog } from "../../../primitives/ConfirmDialog";

type Said = "hosts" | "yes" | "no";

export function HardwareDialog({ cluster, onClose }: { cluster: Cluster; onClose: () => void }) {
  const id = useId();
  const [declared, setDeclared] = useState<Record<string, boolean>>(cluster.declared_hardware);
  const [name, setName] = useState("");
  /** What is said of the name that is typed; without it typing would declare nothing. */
  const [saidOfTyped, setSaidOfTyped] = useState<Said>("yes");
  const { tell } = useToasts();
  const queries = useQueryClient();
  const told = (cluster.capabilities?.hardware ?? []).map((hardware) => hardware.name);
  const known = [...new Set([...told, ...Object.keys(declared)])].sort();
  const typed = name.trim();
  const isNew = typed !== "" && !known.includes(typed);
  const all =
    isNew && saidOfTyped !== "hosts" ? { ...declared, [typed]: saidOfTyped === "yes" } : declared;
  // As it was when the dialog was opened: the page may read the cluster anew meanwhile.
  const [before] = useState(cluster.declared_hardware);
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () => declareHardware(cluster.id, changed(before, all)),
    onSuccess: () => {
      tell(`Hardware of ${cluster.name}: declared`);
      void queries.invalidateQueries({ queryKey: keys.item("clusters", cluster.id) });
      void queries.invalidateQueries({ queryKey: keys.lists("clusters") });
      onClose();
    },
  });
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
      {known.map((of) => (
        <Saying
          key={of}
          id={`${id}-${of}`}
          of={of}
          said={saidOf(declared[of])}
          onSay={(said) => say(of, said)}
        />
      ))}
      <TextField
        label="Other hardware"
        value={name}
        placeholder="nvidia.com/TU104GL"
        help="Its name, as hosts would tell it."
        onChange={(text) => {
          setName(text);
          reset();
        }}
      />
      {isNew && (
        <Saying id={`${id}-${typed}`} of={typed} said={saidOfTyped} onSay={setSaidOfTyped} />
      )}
      {error && <ProblemAlert error={error} doing="Not declared" />}
    </ConfirmDialog>
  );
}

/** What is said now and was not before; null where nothing is said any more. */
function changed(
  before: Record<string, boolean>,
  now: Record<string, boolean>,
): Record<string, boolean | null> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  const news = names.filter((name) => before[name] !== now[name]);
  return Object.fromEntries(news.map((name) => [name, now[name] ?? null]));
}

interface SayingProps {
  id: string;
  of: string;
  said: Said;
  onSay: (said: Said) => void;
}

function Saying({ id, of, said, onSay }: SayingProps) {
  return (
    <FormGroup label={of} fieldId={id}>
      <FormSelect id={id} value={said} onChange={(_event, next) => onSay(next as Said)}>
        <FormSelectOption value="hosts" label="as the hosts tell" />
        <FormSelectOption value="yes" label="it is there" />
        <FormSelectOption value="no" label="it is not there" />
      </FormSelect>
    </FormGroup>
  );
}

function saidOf(declared: boolean | undefined): Said {
  if (declared === undefined) return "hosts";
  return declared ? "yes" : "no";
}
