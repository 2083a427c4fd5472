// The list of keys, under `?`.
import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { SHORTCUTS } from "../../lib/shortcuts";

export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="shortcuts-title">
      <ModalHeader title="Keys" labelId="shortcuts-title" />
      <ModalBody>
        <dl className="shortcuts">
          {SHORTCUTS.map(({ keys, does }) => (
            <div key={does}>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </ModalBody>
    </Modal>
  );
}
