// What surrounds every page: masthead, navigation, the page, and the drawer of
// operations below it.
import { Page, SkipToContent } from "@patternfly/react-core";
import { useLocation } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { DemoRibbon } from "./DemoRibbon";
import { OperationsDrawer } from "./OperationsDrawer";
import { Shortcuts } from "./Shortcuts";
import { Sidebar } from "./Sidebar";
import { TopBar } from "./TopBar";

const MAIN = "main";

export function Frame({ children }: { children: ReactNode }) {
  useFocusOnNavigation();
  return (
    <div className="frame">
      <DemoRibbon />
      <Page
        masthead={<TopBar />}
        sidebar={<Sidebar />}
        isManagedSidebar
        isContentFilled
        mainContainerId={MAIN}
        mainTabIndex={-1}
        mainAriaLabel="Page"
        skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
      >
        {children}
      </Page>
      <OperationsDrawer />
      <Shortcuts />
    </div>
  );
}

/** A new page gets the focus, as a page load would; screen readers then read its title. */
function useFocusOnNavigation(): void {
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    document.getElementById(MAIN)?.focus({ preventScroll: true });
  }, [pathname]);
}
