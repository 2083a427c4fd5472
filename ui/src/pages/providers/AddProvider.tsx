// Adds a provider by name and address.
import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";

export function AddProvider({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [uri, setUri] = useState("");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => body(client.POST("/api/v1/providers", { body: { name, uri } })),
    onSuccess: (provider) => {
      void queries.invalidateQueries({ queryKey: keys.lists("providers") });
      tell(`Provider ${provider.name} added; it is asked from now on`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title="Add provider"
      confirm="Add"
      busy={isPending}
      complete={name !== "" && uri !== ""}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <FormGroup label="Name" fieldId="provider-name" isRequired>
        <TextInput
          id="provider-name"
          value={name}
          autoComplete="off"
          onChange={(_event, next) => setName(next.trim())}
        />
      </FormGroup>
      <FormGroup label="Address" fieldId="provider-uri" isRequired>
        <TextInput
          id="provider-uri"
          value={uri}
          placeholder="qemu:///system"
          autoComplete="off"
          spellCheck={false}
          onChange={(_event, next) => setUri(next.trim())}
        />
        <FormHelperText>
          <HelperText>
            <HelperTextItem>
              For example qemu:///system or qemu+ssh://root@h2/system. It need not answer yet.
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      {error && <ProblemAlert error={error} doing="Not added" />}
    </ConfirmDialog>
  );
}
