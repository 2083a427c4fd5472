// Lets go of a VM that was adopted.
import { keys } from "../../api/query";
import { RemoveDialog } from "../../components/RemoveDialog";
import { useToasts } from "../../components/Toasts";
import { type Decided, releaseVm } from "./decisions";
import { useReread } from "./useReread";

export function ReleaseDialog({ vm, onClose }: { vm: Decided; onClose: () => void }) {
  const reread = useReread();
  const { tell } = useToasts();
  return (
    <RemoveDialog
      title={`Release ${vm.name}?`}
      confirm="Release"
      list={keys.lists("vms")}
      remove={async () => {
        await releaseVm(vm.id);
        tell(`${vm.name} is only observed from now on`);
        reread([vm.id]);
      }}
      onClose={onClose}
    >
      Hostler only observes it again, and it waits for a decision. Nothing of the VM changes. Its
      description, labels and project are forgotten here, and with them the name that it was given.
    </RemoveDialog>
  );
}
