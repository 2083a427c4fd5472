// A button for what needs a permission: where that is missing, or something else
// stands in the way, it does nothing and says why.
import type { ComponentProps } from "react";
import { ReasonButton } from "./ReasonButton";
import { useMissing } from "./useMay";

interface Props extends Omit<ComponentProps<typeof ReasonButton>, "reason"> {
  permission: string;
  /** Why it cannot be done although one may. */
  refused?: string;
}

export function PermittedButton({ permission, refused, ...button }: Props) {
  return <ReasonButton {...button} reason={useMissing(permission) ?? refused} />;
}
