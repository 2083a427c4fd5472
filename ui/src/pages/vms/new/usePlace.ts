// Where the VM goes, with what follows from that for its disk.
import type { VolumeFormat } from "../../../api/types";
import { useList } from "../../../components/useList";
import type { VmDraft } from "../../../lib/vmDraft";
import { formatAt } from "../../../lib/volumeFormats";
import { useForm } from "./Field";

type Place = Partial<Pick<VmDraft, "provider" | "host">>;

/** In which formats volumes are made at a place, as far as it was chosen. */
function useFormatsAt(): (place: Place) => readonly VolumeFormat[] | undefined {
  const hosts = useList("hosts");
  const providers = useList("providers");
  return ({ provider, host }) => {
    const id = provider || hosts.rows.find((row) => row.id === host)?.provider.id;
    return providers.rows.find((row) => row.id === id)?.volume_formats;
  };
}

/** Puts the draft to another place. */
export function usePlace(): (place: Place) => void {
  const { draft, change } = useForm();
  const formatsAt = useFormatsAt();
  return (place) =>
    change({ ...place, format: formatAt(draft.format, formatsAt({ ...draft, ...place })) });
}

/** In which formats volumes are made where the draft goes, as far as that was chosen. */
export function useFormats(): readonly VolumeFormat[] | undefined {
  const { draft } = useForm();
  return useFormatsAt()(draft);
}
