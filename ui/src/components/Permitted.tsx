// What somebody may not see is not asked for; who looks is told what is missing.
import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { LockIcon } from "@patternfly/react-icons";
import type { ReactNode } from "react";
import { useMissing } from "./useMay";

interface Props {
  permission: string;
  /** What it is about: `agents`. */
  what: string;
  children: ReactNode;
}

export function Permitted({ permission, what, children }: Props) {
  const missing = useMissing(permission);
  if (missing === undefined) return children;
  return (
    <EmptyState
      headingLevel="h1"
      icon={LockIcon}
      titleText={`You may not see ${what}`}
      variant="sm"
    >
      <EmptyStateBody>{missing}.</EmptyStateBody>
    </EmptyState>
  );
}
