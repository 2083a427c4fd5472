// A card of names and values; what was asked for stands below what was seen.
import {
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from "@patternfly/react-core";
import type { ReactNode } from "react";

export function Facts({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <DescriptionList isHorizontal isCompact>
          {children}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

export function Item({
  name,
  asked,
  children,
}: {
  name: string;
  asked?: string | null;
  children: ReactNode;
}) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{name}</DescriptionListTerm>
      <DescriptionListDescription>
        {children}
        {asked != null && <small className="asked">asked: {asked}</small>}
      </DescriptionListDescription>
    </DescriptionListGroup>
  );
}
