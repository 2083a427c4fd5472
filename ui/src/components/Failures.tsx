// Pages for what should not happen: no such address, and a mistake of the UI.
import { Bullseye, EmptyState, EmptyStateBody, PageSection } from "@patternfly/react-core";
import { SearchIcon } from "@patternfly/react-icons";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { paths } from "../paths";
import { ProblemAlert } from "./ProblemAlert";

export function NotFoundPage(): ReactNode {
  return (
    <Bullseye>
      <EmptyState headingLevel="h1" titleText="There is nothing at this address" icon={SearchIcon}>
        <EmptyStateBody>
          The link may be old, or what it named was deleted. <Link {...paths.vms()}>All VMs</Link>
        </EmptyStateBody>
      </EmptyState>
    </Bullseye>
  );
}

export function CrashPage({ error }: { error: unknown }): ReactNode {
  return (
    <PageSection>
      <ProblemAlert error={error} />
    </PageSection>
  );
}
