// What a cluster offers VMs to be made of: sizes, and what it fills in where a VM says nothing.
import { Alert } from "@patternfly/react-core";
import type { Cluster, InstanceType, Preference } from "../../../api/types";
import { FactValue } from "../../../components/FactValue";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { useList } from "../../../components/useList";
import { bytes, UNKNOWN } from "../../../lib/format";
import { named } from "../../../lib/offers";
import { Age } from "../../../primitives/Age";
import { type PlainColumn, PlainTable } from "../../../primitives/PlainTable";

const typeColumns: readonly PlainColumn<InstanceType>[] = [
  { header: "Instance type", cell: (one) => <code>{named(one)}</code> },
  {
    header: "Processors",
    cell: (one) => <FactValue fact={one.cpu_count}>{String}</FactValue>,
  },
  { header: "Memory", cell: (one) => <FactValue fact={one.memory_bytes}>{bytes}</FactValue> },
  { header: "Class", cell: (one) => one.class ?? UNKNOWN },
  {
    header: "Passes through",
    cell: (one) => [...one.gpus, ...one.host_devices].join(", ") || "nothing",
  },
  { header: "Seen", cell: (one) => <Age at={one.observed_at} ago /> },
];

const preferenceColumns: readonly PlainColumn<Preference>[] = [
  { header: "Preference", cell: (one) => <code>{named(one)}</code> },
  { header: "For", cell: (one) => one.display_name ?? one.description ?? UNKNOWN },
  { header: "Firmware", cell: (one) => one.firmware ?? "as the VM says" },
  { header: "Needs", cell: needs },
  { header: "Seen", cell: (one) => <Age at={one.observed_at} ago /> },
];

function needs({ requires }: Preference): string {
  const { cpu_count: cpus, memory_bytes: memory, arch } = requires;
  const all = [cpus != null && `${cpus} processors`, memory != null && bytes(memory), arch];
  return all.filter(Boolean).join(", ") || "nothing";
}

export function InstanceTypes({ cluster }: { cluster: Cluster }) {
  const filter = `provider="${cluster.name}"`;
  const types = useList("instanceTypes", { filter });
  const preferences = useList("preferences", { filter });
  // What is told of several lists is told once.
  const silent = [...types.silent, ...preferences.silent].map(({ reason }) => reason);
  const missing = [...new Set(silent)];
  const error = types.error ?? preferences.error;
  return (
    <>
      {error && <ProblemAlert error={error} doing="What it offers cannot be read" />}
      {missing.length > 0 && (
        <Alert isInline variant="warning" title="Not all could be read; there may be more">
          {missing.map((why) => (
            <p key={why}>{why}</p>
          ))}
        </Alert>
      )}
      <h2>Instance types</h2>
      <PlainTable
        label="Instance types"
        rows={types.rows}
        columns={typeColumns}
        rowId={idOf}
        empty={types.pending ? "Asking the cluster …" : "None is known."}
      />
      <h2>Preferences</h2>
      <PlainTable
        label="Preferences"
        rows={preferences.rows}
        columns={preferenceColumns}
        rowId={idOf}
        empty={preferences.pending ? "Asking the cluster …" : "None is known."}
      />
    </>
  );
}

const idOf = ({ id }: { id: string }) => id;
