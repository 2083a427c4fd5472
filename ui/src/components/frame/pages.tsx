// The pages that everything else hangs on: the navigation, `g` and its second
// key, and the palette all read this list.
import {
  AttentionBellIcon,
  BellIcon,
  BlueprintIcon,
  ChartLineIcon,
  ClusterIcon,
  CubesIcon,
  DatabaseIcon,
  InboxIcon,
  ListIcon,
  MigrationIcon,
  NetworkIcon,
  PluggedIcon,
  ServerIcon,
  VirtualMachineIcon,
} from "@patternfly/react-icons";
import type { LinkOptions } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { paths } from "../../paths";

export interface TopPage {
  text: string;
  prefix: string;
  link: LinkOptions;
  icon: ReactNode;
  /** After `g`. */
  key: string;
}

/** Parts of pages that have a name of their own; the palette leads there. */
export const SUB_PAGES = [
  { text: "Agents", of: "Metrics", link: paths.metrics({ tab: "agents" }) },
  { text: "Outputs", of: "Metrics", link: paths.metrics({ tab: "outputs" }) },
  { text: "Custom metrics", of: "Metrics", link: paths.metrics({ tab: "custom" }) },
] as const;

export const TOP_PAGES: readonly TopPage[] = [
  { text: "VMs", prefix: "/vms", link: paths.vms(), icon: <VirtualMachineIcon />, key: "v" },
  {
    text: "Adoption",
    prefix: "/adoption",
    link: paths.adoption(),
    icon: <InboxIcon />,
    key: "d",
  },
  { text: "Hosts", prefix: "/hosts", link: paths.hosts(), icon: <ServerIcon />, key: "h" },
  { text: "Metrics", prefix: "/charts", link: paths.metrics(), icon: <ChartLineIcon />, key: "m" },
  {
    text: "Alerts",
    prefix: "/alerts",
    link: paths.alerts(),
    icon: <AttentionBellIcon />,
    key: "a",
  },
  { text: "Storage", prefix: "/storage", link: paths.storage(), icon: <DatabaseIcon />, key: "s" },
  {
    text: "Networks",
    prefix: "/networks",
    link: paths.networks(),
    icon: <NetworkIcon />,
    key: "n",
  },
  {
    text: "Templates",
    prefix: "/templates",
    link: paths.templates(),
    icon: <BlueprintIcon />,
    key: "l",
  },
  { text: "Images", prefix: "/images", link: paths.images(), icon: <CubesIcon />, key: "i" },
  {
    text: "Operations",
    prefix: "/operations",
    link: paths.operations(),
    icon: <ListIcon />,
    key: "o",
  },
  {
    text: "Migrations",
    prefix: "/migrations",
    link: paths.migrations(),
    icon: <MigrationIcon />,
    key: "t",
  },
  { text: "Events", prefix: "/events", link: paths.events(), icon: <BellIcon />, key: "e" },
  {
    text: "Clusters",
    prefix: "/clusters",
    link: paths.clusters(),
    icon: <ClusterIcon />,
    key: "c",
  },
  {
    text: "Providers",
    prefix: "/providers",
    link: paths.providers(),
    icon: <PluggedIcon />,
    key: "p",
  },
];
