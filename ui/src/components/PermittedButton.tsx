// A button for what needs a permission: where that is missing, or something else
// stands in the way, it is disabled and says why.
import { Button, type ButtonProps } from "@patternfly/react-core";
import { useMissing } from "./useMay";

interface Props extends Omit<ButtonProps, "isDisabled" | "title"> {
  permission: string;
  /** Why it cannot be done although one may. */
  refused?: string;
}

export function PermittedButton({ permission, refused, ...button }: Props) {
  const reason = useMissing(permission) ?? refused;
  return <Button {...button} isDisabled={reason !== undefined} title={reason} />;
}
