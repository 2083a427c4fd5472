// The form for a new VM: what a choice brings with it.
import { act, useState } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EMPTY_DRAFT, requestOf, type VmDraft } from "../../../lib/vmDraft";
import { choose, pass, shown } from "../../../testing/page";
import { server } from "../../../testing/server";
import { DraftForm } from "./DraftForm";

const LISTS: Record<string, object[]> = {
  providers: [
    { id: "k", name: "eu", volume_formats: ["raw"] },
    { id: "l", name: "lab", volume_formats: ["qcow2", "raw"] },
  ],
  hosts: [
    { id: "n1", name: "node-1", provider: { id: "k", name: "eu" } },
    { id: "h1", name: "alpha", provider: { id: "l", name: "lab" } },
  ],
  pools: [
    { id: "p1", name: "shop", host: null, provider: { id: "k", name: "eu" } },
    {
      id: "p2",
      name: "fast",
      host: { id: "h1", name: "alpha" },
      provider: { id: "l", name: "lab" },
    },
  ],
  images: [],
  "instance-types": [
    {
      id: "k/u1.small",
      name: "u1.small",
      namespace: null,
      provider: { id: "k", name: "eu" },
      cpu_count: { value: 1 },
      memory_bytes: { value: 2 ** 31 },
    },
  ],
  preferences: [{ id: "k/fedora", name: "fedora", provider: { id: "k", name: "eu" } }],
  networks: [],
  volumes: [
    { name: "data", capacity_bytes: 2 ** 30, used_by: null },
    { name: "old", capacity_bytes: 2 ** 30, used_by: { id: "v", name: "web" } },
  ],
};

beforeEach(() => {
  vi.useFakeTimers();
  server(({ path }) => ({
    body: { items: LISTS[path.split("/").at(-1) ?? ""], stale: false, next_cursor: null },
  }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let draft: VmDraft;

function Form() {
  const [held, setHeld] = useState<VmDraft>({ ...EMPTY_DRAFT, name: "web-1", source: "empty" });
  draft = held;
  return (
    <DraftForm
      draft={held}
      onChange={(part) => setHeld((old) => ({ ...old, ...part }))}
      onReview={() => {}}
      onDiscard={() => {}}
    />
  );
}

async function opened() {
  const { place } = await shown(<Form />);
  await pass();
  const values = (id: string) =>
    [...place.querySelectorAll(`select[id="${id}"] option`)].map(({ textContent }) => textContent);
  const source = (name: string) =>
    act(async () => place.querySelector<HTMLInputElement>(`#source-${name}`)?.click());
  return { place, values, source };
}

test("c1: a disk is stored as its place does it, unless a format is chosen that it has", async () => {
  const { values } = await opened();
  expect(values("format")).toHaveLength(3);
  await choose("format", "qcow2");
  await choose("provider", "k");
  expect(draft).toMatchObject({ provider: "k", format: "" });
  await pass();
  expect(values("format")).toEqual(["What the provider keeps (raw)", "raw: the plain bytes"]);
  expect(requestOf({ ...draft, size: "1" }).spec.disks?.[0]?.source).toEqual({
    empty: { size_bytes: 2 ** 30, pool: undefined, format: undefined },
  });
  await choose("provider", "");
  await choose("host", "h1");
  await choose("format", "qcow2");
  expect(requestOf({ ...draft, size: "1" }).spec.disks).toMatchObject([
    { source: { empty: { format: "qcow2" } } },
  ]);
});

test("c1: a volume that exists is chosen by its pool, and the VM goes there", async () => {
  const { place, values, source } = await opened();
  await source("volume");
  expect(place.querySelector("#size")).toBeNull();
  expect(values("volumePool")).toEqual(["Choose …", "shop (eu)", "fast (alpha)"]);
  await choose("volumePool", "p2");
  await pass();
  const place2 = { volumePoolName: "fast", provider: "l", host: "h1", volume: "" };
  expect(draft).toMatchObject(place2);
  expect(values("volume")).toEqual(["Choose …", "data (1 GiB)", "old (1 GiB, used by web)"]);
  await choose("volume", "data");
  expect(requestOf(draft)).toMatchObject({
    provider: "l",
    host: "h1",
    spec: { disks: [{ source: { volume: { pool: "fast", volume: "data" } } }] },
  });
  await choose("volumePool", "p1");
  const other = { volumePoolName: "shop", volume: "", provider: "k", host: "", format: "" };
  expect(draft).toMatchObject(other);
});

test("a pool chosen for a new disk is not that of the volume that exists, nor the other way", async () => {
  const { source } = await opened();
  await source("volume");
  await choose("volumePool", "p2");
  await pass();
  await choose("volume", "data");
  await source("empty");
  await choose("pool", "shop");
  expect(requestOf({ ...draft, size: "1" }).spec.disks).toMatchObject([
    { source: { empty: { pool: "shop" } } },
  ]);
  await source("volume");
  // As it stands in the form.
  expect(requestOf(draft).spec.disks).toEqual([
    { name: "root", source: { volume: { pool: "fast", volume: "data" } } },
  ]);
});

test("e8: an instance type takes the place of the size, and the VM to its provider", async () => {
  const { place, values } = await opened();
  expect(values("instanceType")).toEqual([
    "None: say the size",
    "u1.small: 1 processor, 2 GiB (eu)",
  ]);
  expect(place.querySelector("#cpus")).not.toBeNull();
  await choose("instanceType", "k/u1.small");
  await pass();
  expect(place.querySelector("#cpus")).toBeNull();
  expect(place.querySelector("#memory")).toBeNull();
  expect(draft).toMatchObject({ provider: "k", format: "" });
  expect(requestOf(draft).spec.instance_type).toEqual({ name: "u1.small" });
  // Elsewhere it is not offered; what was chosen stays in sight until it is changed.
  await choose("provider", "l");
  await pass();
  expect(values("instanceType")).toEqual(["k/u1.small (gone)", "None: say the size"]);
  await choose("instanceType", "");
  await pass();
  expect(place.querySelector("#cpus")).not.toBeNull();
});
