// Asks for an empty volume in a pool; events tell when it is there.
import { FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import { keepOperation } from "../../api/operations";
import type { VolumeFormat } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { parseBytes } from "../../lib/format";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";

export function CreateVolume({ pool, onClose }: { pool: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [size, setSize] = useState("");
  const [format, setFormat] = useState<VolumeFormat>("qcow2");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const capacity_bytes = parseBytes(size, "G");
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/pools/{pool}/volumes", {
          params: { path: { pool } },
          body: { name, capacity_bytes: capacity_bytes ?? 0, format },
        }),
      ),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      tell(`Create volume ${name}: accepted`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title="Create volume"
      confirm="Create"
      busy={isPending}
      complete={name !== "" && Boolean(capacity_bytes)}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <FormGroup label="Name" fieldId="volume-name" isRequired>
        <TextInput
          id="volume-name"
          value={name}
          autoComplete="off"
          onChange={(_event, next) => setName(next.trim())}
        />
      </FormGroup>
      <FormGroup label="Size (GiB, or 512M)" fieldId="volume-size" isRequired>
        <TextInput
          id="volume-size"
          value={size}
          validated={size !== "" && !capacity_bytes ? "error" : "default"}
          onChange={(_event, next) => setSize(next)}
        />
      </FormGroup>
      <FormGroup label="Format" fieldId="volume-format">
        <FormSelect
          id="volume-format"
          value={format}
          onChange={(_event, next) => setFormat(next === "raw" ? "raw" : "qcow2")}
        >
          <FormSelectOption value="qcow2" label="qcow2: grows with use" />
          <FormSelectOption value="raw" label="raw: the plain bytes" />
        </FormSelect>
      </FormGroup>
      {error && <ProblemAlert error={error} doing="Not created" />}
    </ConfirmDialog>
  );
}
