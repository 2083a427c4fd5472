// Asks before something is done that cannot be taken back. With `typed` the
// reader has to type a name first; focus goes back where it came from.
import {
  Button,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { type ReactNode, useId, useState } from "react";

interface Props {
  title: string;
  confirm: string;
  danger?: boolean;
  /** What has to be typed before the button works; none: nothing. */
  typed?: string;
  busy?: boolean;
  /** Whether all that is asked for has been filled in. */
  complete?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}

export function ConfirmDialog(props: Props) {
  const { title, confirm, danger, typed, busy, complete = true, onConfirm, onClose } = props;
  const [text, setText] = useState("");
  const id = useId();
  const ready = complete && (typed === undefined || text === typed);
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader
        title={title}
        labelId={`${id}-title`}
        titleIconVariant={danger ? "warning" : undefined}
      />
      <ModalBody>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (ready && !busy) onConfirm();
          }}
        >
          {/* With one, Enter confirms however many fields there are. */}
          <button type="submit" hidden disabled={!ready || busy} aria-hidden="true" tabIndex={-1} />
          {props.children}
          {typed !== undefined && (
            <FormGroup label={`Type ${typed} to confirm`} fieldId={`${id}-typed`}>
              <TextInput
                id={`${id}-typed`}
                value={text}
                onChange={(_event, next) => setText(next)}
                autoComplete="off"
                spellCheck={false}
              />
            </FormGroup>
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          variant={danger ? "danger" : "primary"}
          isDisabled={!ready || busy}
          isLoading={busy}
          onClick={onConfirm}
        >
          {confirm}
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
