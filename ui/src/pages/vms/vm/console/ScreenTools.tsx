// What can be done with a guest's screen: keys that a browser or a desktop keeps
// for itself, pasting by typing, looking without touching, a picture.
import {
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  FormGroup,
  MenuToggle,
  TextArea,
} from "@patternfly/react-core";
import { useState } from "react";
import { COMBINATIONS, type Combination } from "../../../../lib/keysyms";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

interface Props {
  fits: boolean;
  viewOnly: boolean;
  onFits: (wanted: boolean) => void;
  onViewOnly: (wanted: boolean) => void;
  onKeys: (keys: Combination) => void;
  onType: (text: string) => void;
  onPicture: () => void;
  onFullScreen: () => void;
  onReconnect: () => void;
}

export function ScreenTools(props: Props) {
  const { fits, viewOnly } = props;
  const [pasting, setPasting] = useState(false);
  return (
    <>
      <KeysMenu disabled={viewOnly} onKeys={props.onKeys} />
      <Button variant="secondary" size="sm" isDisabled={viewOnly} onClick={() => setPasting(true)}>
        Paste as keys
      </Button>
      <Button variant="secondary" size="sm" aria-pressed={fits} onClick={() => props.onFits(!fits)}>
        {fits ? "Show 1:1" : "Fit"}
      </Button>
      <Button
        variant="secondary"
        size="sm"
        aria-pressed={viewOnly}
        onClick={() => props.onViewOnly(!viewOnly)}
      >
        View only
      </Button>
      <Button variant="secondary" size="sm" onClick={props.onPicture}>
        Screenshot
      </Button>
      <Button variant="secondary" size="sm" onClick={props.onFullScreen}>
        Full screen
      </Button>
      <Button variant="link" size="sm" onClick={props.onReconnect}>
        Reconnect
      </Button>
      {pasting && <PasteDialog onClose={() => setPasting(false)} onPaste={props.onType} />}
    </>
  );
}

function KeysMenu({
  disabled,
  onKeys,
}: {
  disabled: boolean;
  onKeys: (keys: Combination) => void;
}) {
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      isScrollable
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          size="sm"
          isDisabled={disabled}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        >
          Send keys
        </MenuToggle>
      )}
    >
      <DropdownList>
        {COMBINATIONS.map((keys) => (
          <DropdownItem
            key={keys.text}
            onClick={() => {
              setOpen(false);
              onKeys(keys);
            }}
          >
            {keys.text}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}

function PasteDialog({
  onClose,
  onPaste,
}: {
  onClose: () => void;
  onPaste: (text: string) => void;
}) {
  const [text, setText] = useState("");
  return (
    <ConfirmDialog
      title="Paste as keys"
      confirm="Type it"
      onClose={onClose}
      onConfirm={() => {
        onClose();
        onPaste(text);
      }}
    >
      <FormGroup
        label="The text is typed into the guest as if on a US keyboard."
        fieldId="paste-text"
      >
        <TextArea
          id="paste-text"
          value={text}
          resizeOrientation="vertical"
          onChange={(_event, next) => setText(next)}
        />
      </FormGroup>
    </ConfirmDialog>
  );
}
