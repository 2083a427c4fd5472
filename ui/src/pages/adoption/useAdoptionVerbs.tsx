// Decides about VMs of the list: gives the dialogs to be shown, and does at once what
// needs none.
import { type ReactNode, useCallback, useState } from "react";
import type { AdoptionAction, PendingAdoption } from "../../api/types";
import { useToasts } from "../../components/Toasts";
import { AdoptDialog } from "./AdoptDialog";
import type { AdoptionVerb } from "./AdoptionMenu";
import { DecideDialog } from "./DecideDialog";
import { offerVm } from "./decisions";
import { IgnoreDialog } from "./IgnoreDialog";
import { ReleaseDialog } from "./ReleaseDialog";
import { RisksDialog } from "./Risks";
import { useReread } from "./useReread";

type Asked =
  | { what: "adopt" | "ignore" | "release" | "risks"; row: PendingAdoption }
  | { what: "many"; action: AdoptionAction; rows: PendingAdoption[] };

export function useAdoptionVerbs() {
  const [asked, setAsked] = useState<Asked>();
  const reread = useReread();
  const { tell, fail } = useToasts();
  const offer = useCallback(
    async ({ vm }: PendingAdoption) => {
      try {
        await offerVm(vm.id);
        tell(`${vm.name} waits for a decision again`);
      } catch (error) {
        fail(`Cannot offer ${vm.name} again`, error);
      }
      reread([]);
    },
    [tell, fail, reread],
  );
  const run = useCallback(
    (verb: AdoptionVerb, row: PendingAdoption) => {
      if (verb === "offer") void offer(row);
      else setAsked({ what: verb, row });
    },
    [offer],
  );
  const showRisks = useCallback((row: PendingAdoption) => setAsked({ what: "risks", row }), []);
  const decide = useCallback(
    (action: AdoptionAction, rows: PendingAdoption[]) => setAsked({ what: "many", action, rows }),
    [],
  );
  return { run, showRisks, decide, dialogs: dialogOf(asked, () => setAsked(undefined)) };
}

function dialogOf(asked: Asked | undefined, close: () => void): ReactNode {
  switch (asked?.what) {
    case "adopt":
      return <AdoptDialog vm={{ ...asked.row, ...asked.row.vm }} onClose={close} />;
    case "ignore":
      return <IgnoreDialog vm={asked.row.vm} onClose={close} />;
    case "release":
      return <ReleaseDialog vm={asked.row.vm} onClose={close} />;
    case "risks":
      return <RisksDialog of={asked.row} onClose={close} />;
    case "many":
      return <DecideDialog action={asked.action} rows={asked.rows} onClose={close} />;
    default:
      return null;
  }
}
