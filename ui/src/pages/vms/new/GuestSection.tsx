// What the guest is told at its first boot, and how the VM is described: folded
// away, because most VMs need none of it.
import { ExpandableSection, FormSection } from "@patternfly/react-core";
import { useState } from "react";
import { TextField, useForm } from "./Field";

export function GuestSection() {
  const { draft } = useForm();
  const [open, setOpen] = useState(Boolean(draft.sshKeys || draft.userData || draft.hostname));
  return (
    <ExpandableSection
      toggleText="First boot (cloud-init) and labels"
      isExpanded={open}
      onToggle={(_event, next) => setOpen(next)}
    >
      <FormSection>
        <TextField
          field="sshKeys"
          label="Public SSH keys"
          rows={3}
          help="One a line, for the image's default user."
        />
        <TextField field="hostname" label="Host name" help="Empty: the VM's name." />
        <TextField
          field="userData"
          label="user-data"
          rows={6}
          help="A whole cloud-init document, instead of the keys above."
        />
        <TextField field="labels" label="Labels" rows={2} help="One a line: key=value" />
        <TextField field="description" label="Description" />
      </FormSection>
    </ExpandableSection>
  );
}
