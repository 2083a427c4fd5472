// A page about one thing: where it is, its name, and its content, or why there
// is none.
import { Breadcrumb, BreadcrumbItem, PageSection, Skeleton, Title } from "@patternfly/react-core";
import { Link, type LinkOptions } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTitle } from "./ListView";
import { ProblemAlert } from "./ProblemAlert";

interface Props {
  parent: { text: string; link: LinkOptions };
  title: string | undefined;
  /** Stands beside the title: states and marks. */
  marks?: ReactNode;
  error: unknown;
  children: ReactNode;
}

export function DetailPage({ parent, title, marks, error, children }: Props) {
  useTitle(title);
  return (
    <PageSection hasBodyWrapper={false} isFilled className="detail">
      <Breadcrumb aria-label="Where this is">
        <BreadcrumbItem
          render={({ className }) => (
            <Link {...parent.link} className={className}>
              {parent.text}
            </Link>
          )}
        />
        <BreadcrumbItem isActive>{title ?? "…"}</BreadcrumbItem>
      </Breadcrumb>
      {error != null && <ProblemAlert error={error} doing="Cannot read it" />}
      {title !== undefined && (
        <>
          <div className="vm-head">
            <Title headingLevel="h1" size="xl">
              {title}
            </Title>
            {marks}
          </div>
          {children}
        </>
      )}
      {title === undefined && error == null && (
        <Skeleton height="10rem" screenreaderText="Reading" />
      )}
    </PageSection>
  );
}
