// Which VM it is, for who decides about it: where it is, what its provider calls it for good,
// and what it belongs to by labels there.
import { DescriptionList } from "@patternfly/react-core";
import type { PendingAdoption } from "../../api/types";
import { Item } from "../../components/Facts";

/** What is known of a VM beside its name. */
export type Known = Partial<
  Pick<PendingAdoption, "provider" | "host" | "namespace" | "governance" | "external_ref">
>;

export function WhatItIs({ of }: { of: Known }) {
  const { system, service, instance } = of.governance ?? {};
  const told = [
    ["Provider", of.provider?.name],
    ["Host", of.host?.name],
    ["Namespace", of.namespace],
    ["System", system],
    ["Service", service],
    ["Instance", instance],
    ["Lasting name", of.external_ref],
  ].filter((row): row is [string, string] => Boolean(row[1]));
  if (told.length === 0) return null;
  return (
    <section aria-label="Which VM it is">
      <DescriptionList isHorizontal isCompact>
        {told.map(([name, value]) => (
          <Item key={name} name={name}>
            <span className="breaks">{value}</span>
          </Item>
        ))}
      </DescriptionList>
    </section>
  );
}
