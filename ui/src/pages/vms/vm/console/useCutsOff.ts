// Whether opening a VM's serial line cuts off somebody whom its provider does not tell of:
// KubeVirt gives the line to whoever came last.
import type { Vm } from "../../../../api/types";
import { useList } from "../../../../components/useList";
import { useMissing } from "../../../../components/useMay";

/** Undefined until it is known. */
export function useCutsOff({ provider, namespace }: Vm): boolean | undefined {
  const enabled = useMissing("infra.read") === undefined && provider != null;
  const params = { filter: `id=${provider?.id}` };
  const { rows, pending, error } = useList("providers", params, { limit: 1, enabled });
  const one = rows.find(({ id }) => id === provider?.id);
  if (one) return one.kind === "kubevirt";
  if (enabled && pending && !error) return undefined;
  // Who may not see providers still sees a namespace: only Kubernetes has those.
  return namespace != null;
}
