// What a version is: parameters, what it requires, its notes and its specification; and what keeps
// a draft from being activated.
import { Alert, Gallery } from "@patternfly/react-core";
import type { TemplateVersion } from "../../../api/types";
import { Facts, Item } from "../../../components/Facts";
import { defaultText } from "../../../lib/templates";
import { Age } from "../../../primitives/Age";
import { Code } from "../../../primitives/Code";
import { PlainTable } from "../../../primitives/PlainTable";

export function VersionView({ version }: { version: TemplateVersion }) {
  const { content, faults, made_from: from } = version;
  const { parameters = [], required_features: features = [] } = content;
  const hardware = content.required_hardware ?? [];
  return (
    <>
      {faults.length > 0 && (
        <>
          <Alert isInline component="p" variant="warning" title="It cannot be activated yet" />
          <PlainTable
            label="What keeps it from being activated"
            rows={faults}
            rowId={({ pointer, code }) => `${pointer} ${code}`}
            empty=""
            columns={[
              { header: "Where", cell: ({ pointer }) => <code>{pointer}</code> },
              { header: "What", cell: ({ detail }) => detail },
            ]}
          />
        </>
      )}
      <Gallery hasGutter minWidths={{ default: "22rem" }} className="cards">
        <Facts title="Version">
          <Item name="Notes">{content.notes || "none"}</Item>
          <Item name="Made by">{version.created_by}</Item>
          <Item name="Activated">
            {version.activated_at ? <Age at={version.activated_at} ago /> : "never"}
          </Item>
          <Item name="Made of">{from ? `VM ${from.vm.name}` : "a specification"}</Item>
        </Facts>
        <Facts title="Requires of a cluster">
          <Item name="Features">{features.join(", ") || "none"}</Item>
          <Item name="Hardware">{hardware.join(", ") || "none"}</Item>
        </Facts>
      </Gallery>
      <h3>Parameters</h3>
      <PlainTable
        label="Parameters"
        rows={parameters}
        rowId={({ name }) => name}
        empty="It has no parameters."
        columns={[
          { header: "Name", cell: ({ name }) => <code>{name}</code> },
          { header: "Kind", cell: ({ kind }) => kind },
          { header: "Needed", cell: ({ required }) => (required ? "yes" : "no") },
          { header: "Default", cell: (one) => defaultText(one) || "none" },
          { header: "For", cell: ({ description }) => description ?? "" },
        ]}
      />
      {from && from.left_out.length > 0 && (
        <>
          <h3>What of VM {from.vm.name} is not in it</h3>
          <PlainTable
            label="What is not in it"
            rows={from.left_out}
            rowId={({ pointer }) => pointer}
            empty=""
            columns={[
              { header: "Where", cell: ({ pointer }) => <code>{pointer}</code> },
              { header: "What", cell: ({ detail }) => detail },
            ]}
          />
        </>
      )}
      <h3>Specification</h3>
      {version.cloud_init_hidden && (
        <p>Its cloud-init documents are shown only to who may manage templates.</p>
      )}
      <Code label="Specification" text={JSON.stringify(content.spec, null, 2)} />
    </>
  );
}
