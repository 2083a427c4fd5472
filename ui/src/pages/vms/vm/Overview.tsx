// What is known of a VM: each value with who said so and when on hover, or the
// reason why there is none. What was asked for stands beside what was seen.
import { Gallery, Label } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import type { Vm } from "../../../api/types";
import { Facts, Item } from "../../../components/Facts";
import { FactValue } from "../../../components/FactValue";
import { ProviderRef } from "../../../components/ProviderRef";
import { ResourceLink } from "../../../components/ResourceLink";
import { adoptedText } from "../../../lib/adoption";
import { bytes, UNKNOWN, words } from "../../../lib/format";
import { named } from "../../../lib/offers";
import { paths } from "../../../paths";
import { Age } from "../../../primitives/Age";
import { Copy } from "../../../primitives/Copy";
import { NoData } from "../../../primitives/NoData";

export function Overview({ vm }: { vm: Vm }) {
  return (
    <Gallery hasGutter minWidths={{ default: "20rem" }} className="cards">
      <General vm={vm} />
      <Compute vm={vm} />
      <Place vm={vm} />
    </Gallery>
  );
}

function General({ vm }: { vm: Vm }) {
  const labels = Object.entries(vm.labels);
  return (
    <Facts title="General">
      <Item name="State">
        {words(vm.status.state)}
        {vm.status.reason && ` (${vm.status.reason})`}
        {vm.status.state === "unknown" &&
          vm.status.last_seen &&
          `, was ${words(vm.status.last_seen)}`}
      </Item>
      <Item name="Addresses">
        {vm.addresses.join(", ") || <NoData why="none was seen" />}{" "}
        {vm.addresses[0] && <Copy text={`ssh ${vm.addresses[0]}`} label="Copy ssh command" />}
      </Item>
      <Item name="Labels">
        <span className="labels wrap">
          {labels.length === 0
            ? "none"
            : labels.map(([key, value]) => (
                <Link key={key} {...paths.vms({ label: `${key}=${value}` })}>
                  <Label isCompact>{`${key}=${value}`}</Label>
                </Link>
              ))}
        </span>
      </Item>
      <Item name="Project">{vm.project ?? "none: only observed"}</Item>
      {vm.template && (
        <Item name="Made from">
          <Link {...paths.template(vm.template.template.id, { version: vm.template.version })}>
            {vm.template.template.name}, version {vm.template.version}
          </Link>
        </Item>
      )}
      <Item name="Managed">
        {vm.managed ? "by Hostler" : "no, only observed"}
        {vm.adopted && `, ${adoptedText(vm.adopted)}`}
      </Item>
      <Item name="Known for">
        <Age at={vm.created_at} />
      </Item>
      <Item name="At work">
        {vm.operation ? (
          <ResourceLink resource={{ kind: "operation", id: vm.operation }} />
        ) : (
          "no operation"
        )}
      </Item>
    </Facts>
  );
}

function Compute({ vm }: { vm: Vm }) {
  const seen = vm.observed;
  const spec = vm.spec;
  return (
    <Facts title="Compute">
      {seen?.instance_type && <Item name="Instance type">{named(seen.instance_type)}</Item>}
      {seen?.preference && <Item name="Preference">{named(seen.preference)}</Item>}
      <Item name="Processors" asked={spec && String(spec.cpu?.count ?? 1)}>
        <FactValue fact={seen?.cpu_count}>{String}</FactValue>
      </Item>
      <Item name="Processors at most" asked={spec?.cpu?.max_count?.toString()}>
        <FactValue fact={seen?.cpu_max}>{String}</FactValue>
      </Item>
      <Item name="Memory" asked={spec && bytes(spec.memory?.bytes)}>
        <FactValue fact={seen?.memory_bytes}>{bytes}</FactValue>
      </Item>
      <Item name="Memory at most">
        <FactValue fact={seen?.memory_max_bytes}>{bytes}</FactValue>
      </Item>
      <Item name="Waits for its next start">
        <FactValue fact={seen?.needs_restart ?? undefined}>{yesNo}</FactValue>
      </Item>
      <Item name="Firmware" asked={spec?.firmware?.kind}>
        <FactValue fact={seen?.firmware}>{String}</FactValue>
      </Item>
      <Item name="Architecture">
        <FactValue fact={seen?.arch}>{String}</FactValue>
      </Item>
      <Item name="Machine type" asked={spec?.machine?.kind}>
        <FactValue fact={seen?.machine}>{String}</FactValue>
      </Item>
      <Item name="Runs by">
        <FactValue fact={seen?.hypervisor}>{String}</FactValue>
        {seen?.hypervisor_confidence && <small> confidence {seen.hypervisor_confidence}</small>}
      </Item>
    </Facts>
  );
}

function Place({ vm }: { vm: Vm }) {
  const seen = vm.observed;
  return (
    <Facts title="Place">
      <Item name="Host">
        {vm.host ? <Link {...paths.host(vm.host.id)}>{vm.host.name}</Link> : "on no host"}
      </Item>
      <Item name="Provider">
        {vm.provider ? <ProviderRef provider={vm.provider} /> : "not placed yet"}
      </Item>
      <Item name="Name at the provider">{seen ? seen.name : <NoData why="never seen" />}</Item>
      {vm.namespace && <Item name="Namespace">{vm.namespace}</Item>}
      <Item name="Lasting name there">
        {vm.external_ref ? <code>{vm.external_ref}</code> : UNKNOWN}
      </Item>
      <Item name="Outlives a stop">
        <FactValue fact={seen?.persistent}>{yesNo}</FactValue>
      </Item>
      <Item name="Starts with the host" asked={vm.spec && yesNo(vm.spec.autostart ?? false)}>
        <FactValue fact={seen?.autostart}>{yesNo}</FactValue>
      </Item>
      <Item name="Last seen">
        <Age at={vm.status.observed_at} ago={vm.status.observed_at != null} />
      </Item>
      <Item name="Id">
        <code>{vm.id}</code>
      </Item>
    </Facts>
  );
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}
