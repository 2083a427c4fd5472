// The size and the devices of a new VM: by numbers, or by an instance type where a provider has some.
import { Checkbox, FormSection } from "@patternfly/react-core";
import { useList } from "../../../components/useList";
import { among, offerOf, sizeText } from "../../../lib/offers";
import { SelectField, TextField, useForm } from "./Field";
import { namesOf } from "./options";
import { usePlace } from "./usePlace";

/** How large it is, by numbers or by what its provider offers, and what it has. */
export function SizeSection() {
  const { draft } = useForm();
  const networks = useList("networks");
  return (
    <FormSection title="Size and devices" titleElement="h2">
      <div className="columns">
        <Offers />
        {!draft.instanceType && (
          <>
            <TextField field="cpus" label="Processors" required />
            <TextField field="memory" label="Memory" required help="MiB, or 2G" />
          </>
        )}
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

/** What providers offer; nothing where none offers anything. A choice takes the VM to its provider. */
function Offers() {
  const { draft } = useForm();
  const types = useList("instanceTypes");
  const preferences = useList("preferences");
  const hosts = useList("hosts");
  const place = usePlace();
  const at = draft.provider || hosts.rows.find(({ id }) => id === draft.host)?.provider.id;
  const goThere = (id: string) => {
    const provider = offerOf(id)?.provider;
    if (provider && provider !== at) place({ provider, host: "" });
  };
  const silent = [...types.silent, ...preferences.silent];
  const unread = silent.map(({ provider, reason }) => `${provider.name}: ${reason}`).join("; ");
  const help = unread ? `Not all could be read: ${unread}` : undefined;
  return (
    <>
      {(types.rows.length > 0 || draft.instanceType) && (
        <SelectField
          field="instanceType"
          label="Instance type"
          help={help ?? "Says processors and memory."}
          onChosen={goThere}
          options={[
            { value: "", text: "None: say the size" },
            ...among(types.rows, at).map((one) => ({ value: one.id, text: sizeText(one) })),
          ]}
        />
      )}
      {(preferences.rows.length > 0 || draft.preference) && (
        <SelectField
          field="preference"
          label="Preference"
          help="What its provider fills in where nothing is said."
          onChosen={goThere}
          options={[
            { value: "", text: "None" },
            ...among(preferences.rows, at).map((one) => ({
              value: one.id,
              text: `${one.display_name ?? one.name} (${one.provider.name})`,
            })),
          ]}
        />
      )}
    </>
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
