// One host: what it has and can run, each value with its pedigree.
import { Gallery } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { hostQuery } from "../../api/query";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { FactValue } from "../../components/FactValue";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { bytes, count } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";

export default function HostPage(): ReactNode {
  const { hostId } = useParams({ from: "/hosts/$hostId" });
  const { data: host, error } = useQuery(hostQuery(hostId));
  return (
    <DetailPage
      parent={{ text: "Hosts", link: paths.hosts() }}
      title={host?.name}
      error={error}
      marks={
        host && (
          <>
            <StateBadge family="place" state={host.state} title={host.reason} />
            <Simulated when={host.simulated} />
            <span className="seen">
              {host.reason && `${host.reason} · `}
              {host.observed_at ? (
                <>
                  seen <Age at={host.observed_at} ago />
                </>
              ) : (
                "never seen"
              )}
            </span>
          </>
        )
      }
    >
      {host && (
        <Gallery hasGutter minWidths={{ default: "22rem" }} className="cards">
          <Facts title="Machine">
            <Item name="Processors">
              <FactValue fact={host.cpu_count}>{String}</FactValue>
            </Item>
            <Item name="Processor model">
              <FactValue fact={host.cpu_model}>{String}</FactValue>
            </Item>
            <Item name="Architecture">
              <FactValue fact={host.arch}>{String}</FactValue>
            </Item>
            <Item name="Memory">
              <FactValue fact={host.memory_bytes}>{bytes}</FactValue>
            </Item>
            <Item name="Memory free">
              <FactValue fact={host.memory_free_bytes}>{bytes}</FactValue>
            </Item>
          </Facts>
          <Facts title="Virtualisation">
            <Item name="Provider">{host.provider.name}</Item>
            <Item name="Hypervisor">
              <FactValue fact={host.hypervisor}>{String}</FactValue>
            </Item>
            <Item name="VMs">
              <Link {...paths.vms({ host: host.name })}>{count(host.vm_count, "VM")}</Link>,{" "}
              {host.vm_running_count} running
            </Item>
            <Item name="Can run">
              <FactValue fact={host.guests}>
                {(guests) =>
                  guests.map((guest) => (
                    <div key={guest.arch} title={guest.machines.join(", ")}>
                      {guest.arch} by {guest.hypervisors.join(", ")}
                      <small> · {count(guest.machines.length, "machine type")}</small>
                    </div>
                  ))
                }
              </FactValue>
            </Item>
          </Facts>
        </Gallery>
      )}
    </DetailPage>
  );
}
