// The form for a new VM, in sections of what belongs together. Only what has no
// sensible default has to be filled in: a name and an image.
import { ActionGroup, Button, Checkbox, Form, FormSection, Radio } from "@patternfly/react-core";
import { useState } from "react";
import { useList } from "../../../components/useList";
import { bytes } from "../../../lib/format";
import { faultsOf, type VmDraft } from "../../../lib/vmDraft";
import { FormContext, SelectField, TextField, useForm } from "./Field";
import { GuestSection } from "./GuestSection";

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
        <SourceSection />
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

const SOURCES: readonly [VmDraft["source"], string][] = [
  ["image", "A copy of an image"],
  ["empty", "An empty disk"],
  ["none", "No disk"],
];

function SourceSection() {
  const { draft, change } = useForm();
  const images = useList("images");
  const pools = useList("pools");
  const choices = images.rows.map(({ name, virtual_bytes }) => ({
    value: name,
    text: `${name} (${bytes(virtual_bytes)})`,
  }));
  return (
    <FormSection title="Disk" titleElement="h2">
      <div role="radiogroup" aria-label="What it boots from" className="radios">
        {SOURCES.map(([source, text]) => (
          <Radio
            key={source}
            id={`source-${source}`}
            name="source"
            label={text}
            isChecked={draft.source === source}
            onChange={() => change({ source })}
          />
        ))}
      </div>
      {draft.source === "image" && (
        <SelectField
          field="image"
          label="Image"
          required
          help={
            !images.pending && choices.length === 0
              ? "There is no image yet; upload one under Images."
              : undefined
          }
          options={[{ value: "", text: "Choose …" }, ...choices]}
        />
      )}
      {draft.source !== "none" && (
        <div className="columns">
          <TextField
            field="size"
            label="Size"
            required={draft.source === "empty"}
            help={draft.source === "image" ? "GiB; empty: the image's own" : "GiB, or 512M, 1T"}
          />
          <SelectField
            field="pool"
            label="Storage pool"
            options={[{ value: "", text: "The host's default" }, ...namesOf(pools.rows)]}
          />
        </div>
      )}
    </FormSection>
  );
}

function SizeSection() {
  const networks = useList("networks");
  return (
    <FormSection title="Size and devices" titleElement="h2">
      <div className="columns">
        <TextField field="cpus" label="Processors" required />
        <TextField field="memory" label="Memory" required help="MiB, or 2G" />
        <SelectField
          field="network"
          label="Network"
          options={[
            { value: "", text: "None" },
            ...namesOf(networks.rows).map(({ value }) => ({
              value: `network:${value}`,
              text: value,
            })),
            { value: "user", text: "User-mode (outward only)" },
          ]}
        />
        <SelectField
          field="firmware"
          label="Firmware"
          options={[
            { value: "bios", text: "BIOS" },
            { value: "uefi", text: "UEFI" },
          ]}
        />
        <SelectField
          field="graphics"
          label="Screen"
          help="There is a serial console in any case."
          options={[
            { value: "vnc", text: "VNC" },
            { value: "none", text: "None" },
          ]}
        />
      </div>
      <SecureBoot />
    </FormSection>
  );
}

function SecureBoot() {
  const { draft, change } = useForm();
  const uefi = draft.firmware === "uefi";
  return (
    <Checkbox
      id="secureBoot"
      label="Secure boot"
      description={uefi ? "Only signed boot loaders run." : "Needs UEFI."}
      isDisabled={!uefi && !draft.secureBoot}
      isChecked={draft.secureBoot}
      onChange={(_event, secureBoot) => change({ secureBoot })}
    />
  );
}

function PlacementSection() {
  const { draft, change } = useForm();
  const hosts = useList("hosts");
  const providers = useList("providers");
  return (
    <FormSection title="Placement" titleElement="h2">
      <div className="columns">
        <SelectField
          field="provider"
          label="Provider"
          options={[{ value: "", text: "Any that fits" }, ...idsOf(providers.rows)]}
        />
        <SelectField
          field="host"
          label="Host"
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

function namesOf(rows: readonly { name: string }[]) {
  return [...new Set(rows.map((row) => row.name))].map((name) => ({ value: name, text: name }));
}

function idsOf(rows: readonly { id: string; name: string }[]) {
  return rows.map((row) => ({ value: row.id, text: row.name }));
}
