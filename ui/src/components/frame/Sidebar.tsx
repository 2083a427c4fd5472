// The navigation: one entry for each noun, plus how much needs somebody.
import { Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { Link, useLocation } from "@tanstack/react-router";
import { TOP_PAGES } from "./pages";

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
