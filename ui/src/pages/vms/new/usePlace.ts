// Where the VM goes, with what follows from that for its disk.
import { useList } from "../../../components/useList";
import { formatAt, type VmDraft } from "../../../lib/vmDraft";
import { useForm } from "./Field";

type Place = Partial<Pick<VmDraft, "provider" | "host">>;

/** Puts the draft to another place. */
export function usePlace(): (place: Place) => void {
  const { draft, change } = useForm();
  const hosts = useList("hosts");
  const providers = useList("providers");
  /** What kind of place it is, as far as that was chosen. */
  const kindAt = ({ provider, host }: Place) => {
    const id = provider || hosts.rows.find((row) => row.id === host)?.provider.id;
    return providers.rows.find((row) => row.id === id)?.kind;
  };
  return (place) =>
    change({ ...place, format: formatAt(draft, kindAt(draft), kindAt({ ...draft, ...place })) });
}
