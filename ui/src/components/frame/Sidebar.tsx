// The navigation: one entry for each noun, plus how many alerts fire.
import { Badge, Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { Link, useLocation } from "@tanstack/react-router";
import { count } from "../../lib/format";
import { useList } from "../useList";
import { useMissing } from "../useMay";
import { TOP_PAGES } from "./pages";

const FIRING = { filter: "state=firing" };

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
