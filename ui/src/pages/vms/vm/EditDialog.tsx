// Changes description and labels, naming the version that was read: when
// somebody else was quicker, that is shown and nothing of theirs is lost.
import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextArea,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, isUnanswered } from "../../../api/errors";
import { keys } from "../../../api/query";
import type { Vm } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { useToasts } from "../../../components/Toasts";
import { labelLines, labelPatch, parseLabels } from "../../../lib/labels";
import { changeVm } from "../actions";

interface Props {
  vm: Vm;
  etag: string | null;
  onClose: () => void;
}

export function EditDialog({ vm, etag, onClose }: Props) {
  // What the reader saw when they began; live updates do not change it under them.
  const [base, setBase] = useState({ vm, etag });
  const [description, setDescription] = useState(vm.description);
  const [labels, setLabels] = useState(() => labelLines(vm.labels));
  const queries = useQueryClient();
  const { tell } = useToasts();
  const parsed = parseLabels(labels);
  const save = useMutation({
    mutationFn: () =>
      changeVm(vm.id, base.etag, {
        description,
        labels: labelPatch(base.vm.labels, parsed.labels),
      }),
    onSuccess: (answer) => {
      queries.setQueryData(keys.item("vms", vm.id), answer);
      void queries.invalidateQueries({ queryKey: keys.lists("vms") });
      tell(`${vm.name} saved`);
      onClose();
    },
  });
  const overtaken = save.error instanceof ApiError && save.error.code === "precondition_failed";
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="edit-title">
      <ModalHeader title={`Edit ${vm.name}`} labelId="edit-title" />
      <ModalBody>
        <Form>
          <FormGroup label="Description" fieldId="edit-description">
            <TextArea
              id="edit-description"
              value={description}
              resizeOrientation="vertical"
              onChange={(_event, next) => setDescription(next)}
            />
          </FormGroup>
          <FormGroup label="Labels" fieldId="edit-labels">
            <TextArea
              id="edit-labels"
              value={labels}
              rows={5}
              resizeOrientation="vertical"
              validated={parsed.fault ? "error" : "default"}
              onChange={(_event, next) => setLabels(next)}
            />
            <FormHelperText>
              <HelperText>
                <HelperTextItem variant={parsed.fault ? "error" : "default"}>
                  {parsed.fault ?? "One a line: key=value"}
                </HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          {save.error && (
            <ProblemAlert
              error={save.error}
              doing={isUnanswered(save.error) ? "Nobody knows whether it was saved" : "Not saved"}
            />
          )}
          {overtaken && (
            <Button
              variant="link"
              isInline
              onClick={() => {
                // Keeps what was typed, and compares with what is there now.
                setBase({ vm, etag });
                save.reset();
              }}
            >
              {`Keep my text and save over the newer one ("${vm.description}")`}
            </Button>
          )}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          isDisabled={save.isPending || parsed.fault !== undefined || overtaken}
          isLoading={save.isPending}
          onClick={() => save.mutate()}
        >
          Save
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
