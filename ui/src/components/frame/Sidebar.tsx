// The navigation: one entry for each noun, plus how many alerts fire and how
// many VMs wait for a decision.
import { Badge, Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { Link, useLocation } from "@tanstack/react-router";
import { count } from "../../lib/format";
import { useList } from "../useList";
import { useMissing } from "../useMay";
import { TOP_PAGES } from "./pages";

const FIRING = { filter: "state=firing" };
const WAITING = { filter: "status=pending" };

export function Sidebar() {
  const { pathname } = useLocation();
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Main">
          <NavList>
            {TOP_PAGES.map(({ text, prefix, link, icon }) => {
              const active = pathname === prefix || pathname.startsWith(`${prefix}/`);
              return (
                <NavItem key={prefix} isActive={active}>
                  <Link {...link} aria-current={active ? "page" : undefined}>
                    <span className="nav-icon">{icon}</span>
                    {text}
                    {prefix === "/alerts" && <Firing />}
                    {prefix === "/adoption" && <Waiting />}
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

/** How many alerts fire; nothing where that is not known. */
function Firing() {
  const enabled = useMissing("alert.read") === undefined;
  const { total } = useList("alerts", FIRING, { limit: 1, poll: true, enabled });
  if (!total) return null;
  return (
    <Badge className="firing" screenReaderText={count(total, "alert fires", "alerts fire")}>
      {total}
    </Badge>
  );
}

/** How many VMs wait for a decision, for those who may decide; read again when one comes or goes. */
function Waiting() {
  const enabled = useMissing("vm.adopt") === undefined;
  const { total } = useList("adoptions", WAITING, { limit: 1, enabled });
  if (!enabled || !total) return null;
  return (
    <Badge isRead className="waiting" screenReaderText={count(total, "VM waits", "VMs wait")}>
      {total}
    </Badge>
  );
}
