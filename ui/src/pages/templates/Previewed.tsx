// What would be asked for: names, and of the first VM the specification and what its guest is
// given at its first boot. Secrets are stars.
import { Alert } from "@patternfly/react-core";
import type { TemplatePreviewed } from "../../api/types";
import { count } from "../../lib/format";
import { Code } from "../../primitives/Code";

export function Previewed({ preview }: { preview: TemplatePreviewed }) {
  const [first] = preview.vms;
  return (
    <>
      {preview.warnings.map((warning) => (
        <Alert key={warning} isInline component="p" variant="warning" title={warning} />
      ))}
      <p>
        {count(preview.vms.length, "VM")}: {preview.vms.map(({ spec }) => spec.name).join(", ")}
      </p>
      {first && (
        <>
          <h3>{first.spec.name}</h3>
          <Code label="Previewed specification" text={JSON.stringify(first.spec, null, 2)} />
          {first.cloud_init && (
            <Code label="Previewed user-data" text={first.cloud_init.user_data} />
          )}
        </>
      )}
    </>
  );
}
