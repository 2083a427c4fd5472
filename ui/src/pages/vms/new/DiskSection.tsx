// What a new VM boots from: a copy of an image, a new disk, a volume that exists, or none.
import { FormSection, Radio } from "@patternfly/react-core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { volumesQuery } from "../../../api/query";
import type { Pool } from "../../../api/types";
import { useList } from "../../../components/useList";
import { bytes } from "../../../lib/format";
import type { VmDraft } from "../../../lib/vmDraft";
import { formatOptions } from "../../../lib/volumeFormats";
import { SelectField, TextField, useForm } from "./Field";
import { namesOf } from "./options";
import { useFormats, usePlace } from "./usePlace";

const SOURCES: readonly [VmDraft["source"], string][] = [
  ["image", "A copy of an image"],
  ["empty", "An empty disk"],
  ["volume", "A volume that exists"],
  ["none", "No disk"],
];

export function DiskSection() {
  const { draft, change } = useForm();
  return (
    <FormSection title="Disk" titleElement="h2">
      <div role="radiogroup" aria-label="What it boots from" className="radios">
        {SOURCES.map(([source, text]) => (
          <Radio
            key={source}
            id={`source-${source}`}
            name="source"
            label={text}
            isChecked={draft.source === source}
            onChange={() => change({ source })}
          />
        ))}
      </div>
      {draft.source === "image" && <Image />}
      {(draft.source === "image" || draft.source === "empty") && <New />}
      {draft.source === "volume" && <Existing />}
    </FormSection>
  );
}

function Image() {
  const images = useList("images");
  const choices = images.rows.map(({ name, virtual_bytes }) => ({
    value: name,
    text: `${name} (${bytes(virtual_bytes)})`,
  }));
  return (
    <SelectField
      field="image"
      label="Image"
      required
      help={
        !images.pending && choices.length === 0
          ? "There is no image yet; upload one under Images."
          : undefined
      }
      options={[{ value: "", text: "Choose …" }, ...choices]}
    />
  );
}

function New() {
  const { draft } = useForm();
  const formats = useFormats();
  const pools = useList("pools");
  return (
    <div className="columns">
      <TextField
        field="size"
        label="Size"
        required={draft.source === "empty"}
        help={draft.source === "image" ? "GiB; empty: the image's own" : "GiB, or 512M, 1T"}
      />
      <SelectField
        field="pool"
        label="Storage pool"
        options={[{ value: "", text: "The host's default" }, ...namesOf(pools.rows)]}
      />
      <SelectField
        field="format"
        label="Format"
        help={draft.source === "image" ? "That of the image" : undefined}
        options={formatOptions(formats)}
      />
    </div>
  );
}

function Existing() {
  const { draft, change } = useForm();
  const place = usePlace();
  const pools = useList("pools");
  return (
    <div className="columns">
      <SelectField
        field="volumePool"
        label="Storage pool"
        required
        help="The VM goes to where the pool is."
        options={[
          { value: "", text: "Choose …" },
          ...pools.rows.map((pool) => ({ value: pool.id, text: placeOf(pool) })),
        ]}
        onChosen={(id) => {
          const pool = pools.rows.find((row) => row.id === id);
          change({ volume: "", volumePoolName: pool?.name ?? "" });
          place({ provider: pool?.provider.id ?? "", host: pool?.host?.id ?? "" });
        }}
      />
      {draft.volumePool === "" ? null : <Volumes key={draft.volumePool} />}
    </div>
  );
}

function Volumes() {
  const { draft } = useForm();
  const { data, error, isPending, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery(
    volumesQuery(draft.volumePool),
  );
  // All of them: one that cannot be chosen would seem not to be there.
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const volumes = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <SelectField
      field="volume"
      label="Volume"
      required
      help={
        error
          ? `They could not be read: ${error.message}`
          : isPending || hasNextPage
            ? "They are being read."
            : volumes.length === 0
              ? "There is none in this pool."
              : undefined
      }
      options={[
        { value: "", text: "Choose …" },
        ...volumes.map(({ name, capacity_bytes: size, used_by: user }) => ({
          value: name,
          text: `${name} (${bytes(size)}${user ? `, used by ${user.name}` : ""})`,
        })),
      ]}
    />
  );
}

function placeOf({ name, host, provider }: Pool): string {
  return `${name} (${host?.name ?? provider.name})`;
}
