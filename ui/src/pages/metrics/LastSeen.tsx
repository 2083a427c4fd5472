// Says that a dialog shows what was, where it cannot show what is.
import { Alert } from "@patternfly/react-core";
import { Age } from "../../primitives/Age";
import type { Newest } from "./useNewest";

const WHY = {
  gone: "It is not in the list any more",
  unread: "It cannot be read now",
} as const;

export function LastSeen({ old, at }: Omit<Newest<unknown>, "row">) {
  if (!old) return null;
  const title = (
    <>
      {WHY[old]}: what is below is as it was last seen
      {at && (
        <>
          , <Age at={at} ago />
        </>
      )}
      .
    </>
  );
  return <Alert isInline isPlain variant="warning" component="p" title={title} data-old={old} />;
}
