// What can be decided about a VM, as a row's menu.
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { EllipsisVIcon } from "@patternfly/react-icons";
import { useState } from "react";
import type { PendingAdoption } from "../../api/types";

export type AdoptionVerb = "adopt" | "ignore" | "offer" | "release";

const VERB_TEXT: Record<AdoptionVerb, string> = {
  adopt: "Adopt …",
  ignore: "Leave alone …",
  offer: "Offer again",
  release: "Release …",
};

/** What is offered: one that is left alone can be adopted all the same. */
export function verbsOf({ status }: Pick<PendingAdoption, "status">): AdoptionVerb[] {
  if (status === "adopted") return ["release"];
  return status === "ignored" ? ["adopt", "offer"] : ["adopt", "ignore"];
}

interface Props {
  row: PendingAdoption;
  onVerb: (verb: AdoptionVerb, row: PendingAdoption) => void;
}

export function AdoptionMenu({ row, onVerb }: Props) {
  const [open, setOpen] = useState(false);
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
          aria-label={`Actions of ${row.vm.name}`}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        />
      )}
    >
      <DropdownList>
        {verbsOf(row).map((verb) => (
          <DropdownItem
            key={verb}
            onClick={() => {
              setOpen(false);
              onVerb(verb, row);
            }}
          >
            {VERB_TEXT[verb]}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
