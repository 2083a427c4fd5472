// The navigation: one entry for each noun, plus how much needs somebody.
import { Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import {
  BellIcon,
  CubesIcon,
  DatabaseIcon,
  ListIcon,
  NetworkIcon,
  PluggedIcon,
  ServerIcon,
  VirtualMachineIcon,
} from "@patternfly/react-icons";
import { Link, type LinkOptions, useLocation } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { paths } from "../../paths";

interface Entry {
  text: string;
  prefix: string;
  link: LinkOptions;
  icon: ReactNode;
}

const ENTRIES: Entry[] = [
  { text: "VMs", prefix: "/vms", link: paths.vms(), icon: <VirtualMachineIcon /> },
  { text: "Hosts", prefix: "/hosts", link: paths.hosts(), icon: <ServerIcon /> },
  { text: "Storage", prefix: "/storage", link: paths.storage(), icon: <DatabaseIcon /> },
  { text: "Networks", prefix: "/networks", link: paths.networks(), icon: <NetworkIcon /> },
  { text: "Images", prefix: "/images", link: paths.images(), icon: <CubesIcon /> },
  { text: "Operations", prefix: "/operations", link: paths.operations(), icon: <ListIcon /> },
  { text: "Events", prefix: "/events", link: paths.events(), icon: <BellIcon /> },
  { text: "Providers", prefix: "/providers", link: paths.providers(), icon: <PluggedIcon /> },
];

export function Sidebar() {
  const { pathname } = useLocation();
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Main">
          <NavList>
            {ENTRIES.map(({ text, prefix, link, icon }) => {
              const active = pathname === prefix || pathname.startsWith(`${prefix}/`);
              return (
                <NavItem key={prefix} isActive={active}>
                  <Link {...link} aria-current={active ? "page" : undefined}>
                    <span className="nav-icon">{icon}</span>
                    {text}
                  </Link>
                </NavItem>
              );
            })}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}
