// One network.
import { Gallery } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { networkQuery } from "../../api/query";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { Simulated } from "../../components/Simulated";
import { StaleSince } from "../../components/StaleSince";
import { StateBadge } from "../../components/StateBadge";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { none } from "./none";

export default function NetworkPage(): ReactNode {
  const { networkId } = useParams({ from: "/networks/$networkId" });
  const { data: network, error } = useQuery(networkQuery(networkId));
  return (
    <DetailPage
      parent={{ text: "Networks", link: paths.networks() }}
      title={network?.name}
      error={error}
      marks={
        network && (
          <>
            <StateBadge family="place" state={network.active ? "active" : "inactive"} />
            <Simulated when={network.simulated} />
            <span className="seen">
              seen <Age at={network.observed_at} ago />
              {network.stale && ", its provider does not answer"}
              <StaleSince of={network} />
            </span>
          </>
        )
      }
    >
      {network && (
        <Gallery hasGutter minWidths={{ default: "22rem" }} className="cards">
          <Facts title="Network">
            <Item name="Reaches the world by">{network.forward}</Item>
            <Item name="Subnets">{network.subnets.join(", ") || none(network)}</Item>
            <Item name="Bridge">{network.bridge ?? none(network)}</Item>
            <Item name="Starts with the host">{network.autostart ? "yes" : "no"}</Item>
          </Facts>
          <Facts title="Place">
            <Item name="Host">
              {network.host ? (
                <Link {...paths.host(network.host.id)}>{network.host.name}</Link>
              ) : (
                "spans hosts"
              )}
            </Item>
            <Item name="Provider">{network.provider.name}</Item>
            <Item name="Id">
              <code>{network.id}</code>
            </Item>
          </Facts>
        </Gallery>
      )}
    </DetailPage>
  );
}
