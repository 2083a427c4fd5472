// What can be done about an alert, as a row's menu: greyed where it is not possible,
// with the reason.
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { EllipsisVIcon } from "@patternfly/react-icons";
import { useState } from "react";
import type { Alert } from "../../api/types";
import { useMissing } from "../../components/useMay";

export type AlertVerb = "acknowledge" | "silence";

const VERB_TEXT: Record<AlertVerb, string> = { acknowledge: "Acknowledge", silence: "Silence" };

/** Why an alert cannot be acknowledged. */
export function refusal(alert: Alert): string | undefined {
  if (alert.state !== "firing") return "it does not fire yet";
  return alert.acknowledged ? `acknowledged by ${alert.acknowledged.by}` : undefined;
}

export function AlertMenu({ alert, onVerb }: { alert: Alert; onVerb: (verb: AlertVerb) => void }) {
  const [open, setOpen] = useState(false);
  const missing = useMissing("alert.manage");
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      // A row shows nothing beyond its edges, so its menu is no part of it.
      popperProps={{ position: "right", appendTo: () => document.body }}
      shouldFocusFirstItemOnOpen
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant="plain"
          className="kebab"
          icon={<EllipsisVIcon />}
          aria-label={`Actions of ${alert.name}`}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        />
      )}
    >
      <DropdownList>
        {(["acknowledge", "silence"] as const).map((verb) => {
          const reason = missing ?? (verb === "acknowledge" ? refusal(alert) : undefined);
          return (
            <DropdownItem
              key={verb}
              isAriaDisabled={reason !== undefined}
              description={reason}
              onClick={() => {
                setOpen(false);
                onVerb(verb);
              }}
            >
              {VERB_TEXT[verb]} …
            </DropdownItem>
          );
        })}
      </DropdownList>
    </Dropdown>
  );
}
