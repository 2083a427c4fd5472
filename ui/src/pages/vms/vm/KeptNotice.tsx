// Says which tool keeps a VM as it is written down elsewhere, and what it will turn back.
import { Alert } from "@patternfly/react-core";
import type { Vm } from "../../../api/types";
import { keeperName } from "../../../lib/changes";
import { ACTION_TEXT, POWER_ACTIONS, warning } from "../actions";

export function KeptNotice({ vm }: { vm: Pick<Vm, "observed" | "actions"> }) {
  const keepers = vm.observed?.kept_by ?? [];
  if (keepers.length === 0) return null;
  const warned = POWER_ACTIONS.flatMap((action) => {
    const text = warning(vm, action);
    return text === undefined ? [] : [{ action, text }];
  });
  return (
    <Alert
      isInline
      isPlain
      variant="warning"
      component="p"
      title={`Kept by ${keepers.map(keeperName).join(", ")}`}
    >
      What is changed here may be put back from there. Recognised by its{" "}
      {keepers.map((keeper) => keeper.evidence).join(", its ")}.
      {warned.map(({ action, text }) => (
        <p key={action}>
          {ACTION_TEXT[action]}: {text}
        </p>
      ))}
    </Alert>
  );
}
