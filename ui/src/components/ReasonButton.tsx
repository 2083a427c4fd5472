// A button that may be of no use now and then says why: it can be focused all the same, so
// that the reason reaches a keyboard and a screen reader, too.
import { Button, type ButtonProps, Tooltip } from "@patternfly/react-core";

interface Props extends Omit<ButtonProps, "isDisabled" | "isAriaDisabled" | "title"> {
  /** Why it does nothing now; none: it does. */
  reason?: string;
}

export function ReasonButton({ reason, ...button }: Props) {
  const shown = <Button {...button} isAriaDisabled={reason !== undefined} />;
  return reason === undefined ? shown : <Tooltip content={reason}>{shown}</Tooltip>;
}
