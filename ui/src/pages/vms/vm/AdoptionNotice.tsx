// Says that a VM is only observed, and offers to adopt it to those who may.
import { Alert, AlertActionLink } from "@patternfly/react-core";
import { useState } from "react";
import type { Vm } from "../../../api/types";
import { useMissing } from "../../../components/useMay";
import { AdoptDialog } from "../../adoption/AdoptDialog";
import type { Known } from "../../adoption/WhatItIs";

export function AdoptionNotice({ vm }: { vm: Pick<Vm, "id" | "name" | "managed"> & Known }) {
  const [adopting, setAdopting] = useState(false);
  const missing = useMissing("vm.adopt");
  if (vm.managed) return null;
  return (
    <>
      <Alert
        isInline
        isPlain
        variant="info"
        component="p"
        title="Hostler only observes this VM"
        actionLinks={
          missing === undefined && (
            <AlertActionLink component="button" onClick={() => setAdopting(true)}>
              Adopt
            </AlertActionLink>
          )
        }
      >
        It is nobody's here, so nothing that changes it is offered. To adopt it changes nothing of
        it.
      </Alert>
      {adopting && <AdoptDialog vm={vm} onClose={() => setAdopting(false)} />}
    </>
  );
}
