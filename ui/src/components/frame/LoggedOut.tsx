// What somebody sees who is not logged in: how to get in, and why there is no
// form for a password (there are none).
import {
  Bullseye,
  Card,
  CardBody,
  CardTitle,
  ClipboardCopy,
  Content,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useTitle } from "../ListView";

export function LoggedOut({ children }: { children?: ReactNode }) {
  useTitle("Log in");
  return (
    <main className="logged-out">
      <Bullseye>
        <Card>
          <CardTitle component="h1">Log in to Hostler</CardTitle>
          <CardBody>
            {children}
            <Content>
              <p>
                You are not logged in. Hostler has no passwords: on the machine where it runs, an
                administrator asks for a link that works once.
              </p>
            </Content>
            <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied" textAriaLabel="Command">
              hostlerd admin-link
            </ClipboardCopy>
            <Content>
              <p>Open the link that it prints in this browser.</p>
            </Content>
          </CardBody>
        </Card>
      </Bullseye>
    </main>
  );
}
