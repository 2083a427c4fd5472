// Decides what surrounds a page: the login page alone, the explanation for who
// is not logged in, or the frame with navigation, live events and operations.
import { Bullseye, PageSection, Spinner } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { isLoggedOut } from "../../api/errors";
import { serverQuery, sessionQuery } from "../../api/query";
import { setServerNow } from "../../lib/clock";
import { LiveProvider } from "../../live/LiveProvider";
import { ProblemAlert } from "../ProblemAlert";
import { Frame } from "./Frame";
import { LoggedOut } from "./LoggedOut";

export function Root(): ReactNode {
  const { pathname } = useLocation();
  const session = useQuery({ ...sessionQuery, enabled: pathname !== "/login" });
  const server = useQuery(serverQuery);
  const now = server.data?.now;
  useEffect(() => {
    if (now) setServerNow(now);
  }, [now]);

  if (pathname === "/login") return <Outlet />;
  if (isLoggedOut(session.error)) return <LoggedOut />;
  if (!session.data) {
    return session.error ? (
      <PageSection>
        <ProblemAlert error={session.error} />
      </PageSection>
    ) : (
      <Bullseye>
        <Spinner aria-label="Reading who you are" />
      </Bullseye>
    );
  }
  // A console in a window of its own needs neither navigation nor events.
  if (/\/console\/[a-z]+$/.test(pathname)) return <Outlet />;
  return (
    <LiveProvider>
      <Frame>
        <Outlet />
      </Frame>
    </LiveProvider>
  );
}
