// Asks for an empty volume in a pool; events tell when it is there.
import { FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import { keepOperation } from "../../api/operations";
import type { Pool, VolumeFormat } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { useList } from "../../components/useList";
import { parseBytes } from "../../lib/format";
import { formatOptions } from "../../lib/volumeFormats";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";

interface Props {
  pool: Pick<Pool, "id" | "provider">;
  onClose: () => void;
}

export function CreateVolume({ pool: { id: pool, provider }, onClose }: Props) {
  const providers = useList("providers");
  const formats = providers.rows.find(({ id }) => id === provider.id)?.volume_formats;
  const [name, setName] = useState("");
  const [size, setSize] = useState("");
  const [format, setFormat] = useState<VolumeFormat | "">("");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const capacity_bytes = parseBytes(size, "G");
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/pools/{pool}/volumes", {
          params: { path: { pool } },
          body: { name, capacity_bytes: capacity_bytes ?? 0, ...(format && { format }) },
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
          onChange={(_event, next) => setFormat(next as VolumeFormat | "")}
        >
          {formatOptions(formats).map(({ value, text }) => (
            <FormSelectOption key={value} value={value} label={text} />
          ))}
        </FormSelect>
      </FormGroup>
      {error && <ProblemAlert error={error} doing="Not created" />}
    </ConfirmDialog>
  );
}
