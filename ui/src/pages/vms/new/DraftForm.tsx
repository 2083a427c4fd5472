// The form for a new VM, in sections of what belongs together. Only what has no
// sensible default has to be filled in: a name and an image.
import { ActionGroup, Button, Checkbox, Form, FormSection } from "@patternfly/react-core";
import { useState } from "react";
import { useList } from "../../../components/useList";
import { faultsOf, type VmDraft } from "../../../lib/vmDraft";
import { DiskSection } from "./DiskSection";
import { FormContext, SelectField, TextField, useForm } from "./Field";
import { GuestSection } from "./GuestSection";
import { idsOf } from "./options";
import { SizeSection } from "./SizeSection";
import { usePlace } from "./usePlace";

interface Props {
  draft: VmDraft;
  onChange: (part: Partial<VmDraft>) => void;
  onReview: () => void;
  onDiscard: () => void;
}

export function DraftForm({ draft, onChange, onReview, onDiscard }: Props) {
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set());
  const faults = faultsOf(draft);
  const review = () => {
    const bad = Object.keys(faults);
    if (bad.length === 0) {
      onReview();
      return;
    }
    setShown(new Set(Object.keys(draft)));
    // The first fault gets the focus; its text is read with the field.
    document.getElementById(bad[0] ?? "")?.focus();
  };
  return (
    <FormContext
      value={{
        draft,
        faults,
        shown,
        change: onChange,
        leave: (field) => setShown((old) => new Set(old).add(field)),
      }}
    >
      <Form
        isWidthLimited
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          review();
        }}
      >
        <TextField field="name" label="Name" required />
        <DiskSection />
        <SizeSection />
        <GuestSection />
        <PlacementSection />
        <ActionGroup>
          <Button type="submit" variant="primary">
            Review
          </Button>
          <Button variant="link" onClick={onDiscard}>
            Discard
          </Button>
        </ActionGroup>
      </Form>
    </FormContext>
  );
}

function PlacementSection() {
  const { draft, change } = useForm();
  const hosts = useList("hosts");
  const providers = useList("providers");
  const place = usePlace();
  return (
    <FormSection title="Placement" titleElement="h2">
      <div className="columns">
        <SelectField
          field="provider"
          label="Provider"
          onChosen={(provider) => place({ provider })}
          options={[{ value: "", text: "Any that fits" }, ...idsOf(providers.rows)]}
        />
        <SelectField
          field="host"
          label="Host"
          onChosen={(host) => place({ host })}
          options={[{ value: "", text: "The best that fits" }, ...idsOf(hosts.rows)]}
        />
      </div>
      <Checkbox
        id="start"
        label="Start it when it is made"
        isChecked={draft.start}
        onChange={(_event, start) => change({ start })}
      />
    </FormSection>
  );
}
