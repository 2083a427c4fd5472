// Attaches a disk. What the VM's provider cannot do in its state is not offered; what it says only
// when it is asked stands here then, and nothing was attached.
import { FormGroup, FormSelect, FormSelectOption, HelperText } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { attachDisk } from "../../../../api/disks";
import { keepOperation } from "../../../../api/operations";
import { keys } from "../../../../api/query";
import type { DiskSpec, Vm, VmDisk, VolumeFormat } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { TextField } from "../../../../components/TextField";
import { useToasts } from "../../../../components/Toasts";
import { useMissing } from "../../../../components/useMay";
import { isLive } from "../../../../lib/snapshots";
import { formatOptions } from "../../../../lib/volumeFormats";
import { ConfirmDialog } from "../../../../primitives/ConfirmDialog";

interface Props {
  vm: Vm;
  /** Those that it has: a name is of one alone. */
  others: readonly VmDisk[];
  onClose: () => void;
}

type Kind = "empty" | "image" | "volume";
type Bus = NonNullable<DiskSpec["bus"]>;

const GIB = 2 ** 30;

interface Filled {
  kind: Kind;
  gib: string;
  image: string;
  volume: string;
  pool: string;
  /** Empty: what the provider keeps, or as the image is. */
  format: VolumeFormat | "";
}

/** Where the bytes come from, once all that it takes is filled in. */
export function sourceOf(filled: Filled): DiskSpec["source"] | undefined {
  const { kind, gib, image } = filled;
  const format = filled.format || null;
  const pool = filled.pool || null;
  const size = Number(gib) > 0 ? Math.round(Number(gib) * GIB) : undefined;
  if (kind === "empty") return size ? { empty: { size_bytes: size, pool, format } } : undefined;
  if (kind === "image") {
    return image ? { image: { image, size_bytes: size ?? null, pool, format } } : undefined;
  }
  const [of, ...name] = filled.volume.split("/");
  const volume = name.join("/");
  return of && volume ? { volume: { pool: of, volume } } : undefined;
}

export function AttachDialog({ vm, others, onClose }: Props) {
  const id = useId();
  const [name, setName] = useState("");
  const [filled, setFilled] = useState<Filled>({
    kind: "empty",
    gib: "10",
    image: "",
    volume: "",
    pool: "",
    format: "",
  });
  const [bus, setBus] = useState<Bus | "">("");
  const queries = useQueryClient();
  const { tell } = useToasts();
  const source = sourceOf(filled);
  const isNew = filled.kind !== "volume";
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: (of: DiskSpec["source"]) =>
      attachDisk(vm.id, { name, source: of, ...(bus && { bus }) }),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.item("disks", vm.id) });
      tell(`Attach disk ${name}: accepted`);
      onClose();
    },
  });
  const missing = useMissing("volume.manage");
  const isOn = isLive(vm) !== false;
  const limits = vm.disk_limits;
  const buses = (isOn ? limits?.live_buses : limits?.offline_buses) ?? [];
  const taken = others.some((one) => one.name === name);
  const set = (part: Partial<Filled>) => {
    setFilled({ ...filled, ...part });
    reset();
  };
  return (
    <ConfirmDialog
      title={`Attach a disk to ${vm.name}`}
      confirm="Attach"
      busy={isPending}
      complete={name !== "" && !taken && source !== undefined && !(isNew && missing)}
      onClose={onClose}
      onConfirm={() => source && mutate(source)}
    >
      <TextField
        required
        label="Name"
        value={name}
        fault={taken ? "It has one of that name" : undefined}
        help="Unique among those of the VM."
        onChange={(text) => {
          setName(text.trim());
          reset();
        }}
      />
      <FormGroup label="What is on it" fieldId={`${id}-kind`}>
        <FormSelect
          id={`${id}-kind`}
          value={filled.kind}
          onChange={(_event, kind) => set({ kind: kind as Kind })}
        >
          <FormSelectOption value="empty" label="Nothing: a new volume" />
          {limits?.images && (
            <FormSelectOption value="image" label="A copy of an image: a new volume" />
          )}
          <FormSelectOption value="volume" label="What is on a volume that exists" />
        </FormSelect>
        {isNew && missing && <HelperText>A new volume cannot be made: {missing}</HelperText>}
      </FormGroup>
      {filled.kind === "image" && (
        <TextField
          required
          label="Image"
          value={filled.image}
          onChange={(image) => set({ image: image.trim() })}
        />
      )}
      {!isNew && (
        <TextField
          required
          label="Volume"
          value={filled.volume}
          placeholder="POOL/VOLUME"
          help="Another VM must not write to it."
          onChange={(volume) => set({ volume: volume.trim() })}
        />
      )}
      {isNew && (
        <>
          <TextField
            required={filled.kind === "empty"}
            label="Size in GiB"
            value={filled.gib}
            help={filled.kind === "image" ? "At least the image's; empty: as large." : undefined}
            onChange={(gib) => set({ gib: gib.trim() })}
          />
          <TextField
            label="Pool"
            value={filled.pool}
            help="Empty: where new volumes go by default."
            onChange={(pool) => set({ pool: pool.trim() })}
          />
          <FormGroup label="Stored as" fieldId={`${id}-format`}>
            <FormSelect
              id={`${id}-format`}
              value={filled.format}
              onChange={(_event, format) => set({ format: format as Filled["format"] })}
            >
              {formatOptions(limits?.formats).map(({ value, text }) => (
                <FormSelectOption key={value} value={value} label={text} />
              ))}
            </FormSelect>
          </FormGroup>
        </>
      )}
      <FormGroup label="Bus" fieldId={`${id}-bus`}>
        <FormSelect
          id={`${id}-bus`}
          value={bus}
          onChange={(_event, next) => {
            setBus(next as Bus | "");
            reset();
          }}
        >
          <FormSelectOption value="" label="What suits the VM" />
          {buses.map((one) => (
            <FormSelectOption key={one} value={one} label={one} />
          ))}
        </FormSelect>
      </FormGroup>
      {error && <ProblemAlert error={error} doing="Not attached" />}
    </ConfirmDialog>
  );
}
