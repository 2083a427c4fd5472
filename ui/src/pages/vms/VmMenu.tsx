// A VM's actions as a menu: all of them, always in the same place; what is not
// possible now is greyed and says why.
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { EllipsisVIcon } from "@patternfly/react-icons";
import { useEffect, useState } from "react";
import type { VmSummary } from "../../api/types";
import { ACTION_TEXT, idle, POWER_ACTIONS, type VmAction, warning } from "./actions";

interface Props {
  vm: VmSummary;
  only?: readonly VmAction[];
  onAction: (action: VmAction, vms: VmSummary[]) => void;
  /** What else there is, where it does not stand with each VM. */
  more?: readonly Extra[];
  text?: string;
  openAtFirst?: boolean;
}

export interface Extra {
  text: string;
  /** Why it is not possible now. */
  reason?: string;
  onClick: () => void;
}

const ALL: readonly VmAction[] = [...POWER_ACTIONS, "migrate", "clone", "delete"];

/** The menu of a row: a bare button until somebody wants it. */
export function RowMenu(props: Props) {
  const [wanted, setWanted] = useState(false);
  if (wanted) return <VmMenu {...props} openAtFirst />;
  return (
    <button
      type="button"
      className="kebab"
      aria-label={`Actions of ${props.vm.name}`}
      aria-expanded="false"
      aria-haspopup="menu"
      onClick={() => setWanted(true)}
    >
      <EllipsisVIcon />
    </button>
  );
}

export function VmMenu(props: Props) {
  const { vm, only = ALL, onAction, more = [], text, openAtFirst = false } = props;
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!openAtFirst) return;
    // After the click that made this: still on its way up, it would count as one beside the menu.
    const timer = setTimeout(() => setOpen(true));
    return () => clearTimeout(timer);
  }, [openAtFirst]);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      // A row shows nothing beyond its edges, so its menu is no part of it.
      popperProps={{ position: "right", appendTo: text ? "inline" : () => document.body }}
      shouldFocusFirstItemOnOpen
      isScrollable
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          variant={text ? "secondary" : "plain"}
          icon={text ? undefined : <EllipsisVIcon />}
          aria-label={text ? undefined : `Actions of ${vm.name}`}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        >
          {text}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {open &&
          only.map((action) => {
            const reason = idle(vm, action);
            return (
              <DropdownItem
                key={action}
                isDanger={action === "delete" && reason === undefined}
                isAriaDisabled={reason !== undefined}
                description={reason ?? warning(vm, action)}
                onClick={() => {
                  setOpen(false);
                  onAction(action, [vm]);
                }}
              >
                {ACTION_TEXT[action]}
              </DropdownItem>
            );
          })}
        {open &&
          more.map((extra) => (
            <DropdownItem
              key={extra.text}
              isAriaDisabled={extra.reason !== undefined}
              description={extra.reason}
              onClick={() => {
                setOpen(false);
                extra.onClick();
              }}
            >
              {extra.text}
            </DropdownItem>
          ))}
      </DropdownList>
    </Dropdown>
  );
}
