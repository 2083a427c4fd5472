// A VM's disks: what is told of each, what can be done and why not, and what is sent.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Vm, VmDisk } from "../../../../api/types";
import {
  button,
  choose,
  dialog,
  faultAt,
  pass,
  press,
  reasonOf,
  shown,
  type,
} from "../../../../testing/page";
import { server } from "../../../../testing/server";
import { sourceOf } from "./AttachDialog";
import { AttachedDisks } from "./AttachedDisks";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const LIST = "/api/v1/vms/1/disks";
const MAY = ["vm.update", "volume.manage"];
const accepted = { id: "op", kind: "disk.attach", state: "running", resources: [] };

const LIMITS = {
  live_buses: ["scsi"],
  live_cdrom: false,
  offline: true,
  offline_buses: ["virtio", "sata"],
  offline_cdrom: true,
  max_per_vm: 3,
  live_growth: true,
  offline_growth: false,
  formats: ["qcow2", "raw"],
  images: true,
  caches: [],
  discard: true,
  shares: false,
};

function disk(name: string, part: Partial<VmDisk> = {}): VmDisk {
  return {
    name,
    reference: `${name}@5f6a7b8c9d0e`,
    asked: true,
    state: "attached",
    message: null,
    device: "disk",
    bus: "scsi",
    pool: "default",
    volume: `web-${name}.qcow2`,
    source: null,
    capacity_bytes: 2 ** 30,
    read_only: false,
    own_volume: true,
    detach: { allowed: true },
    ...part,
  };
}

function vmThatIs(state: string, part: Partial<Vm> = {}): Vm {
  const allowed = { allowed: true };
  return {
    id: "1",
    name: "web",
    provider: { id: "p", name: "eu" },
    host: null,
    status: { state, quality: "ok" },
    actions: { attach_disk: allowed, detach_disk: allowed, grow_disk: allowed },
    disk_limits: LIMITS,
    ...part,
  } as unknown as Vm;
}

async function opened(all: VmDisk[], vm = vmThatIs("running"), permissions = MAY) {
  const asked = server(({ path, body }) =>
    path === LIST && body === undefined
      ? { body: { items: all, stale: false, next_cursor: null } }
      : { status: 202, body: accepted },
  );
  const { place } = await shown(<AttachedDisks vm={vm} />, permissions);
  await pass();
  const labelled = (label: string) =>
    place.querySelector<HTMLButtonElement>(`button[aria-label="${label}"]`);
  return { asked, place, labelled };
}

const confirm = async (text: string) => {
  const found = [...dialog().querySelectorAll("footer button")].find(
    ({ textContent }) => textContent === text,
  );
  await act(async () => (found as HTMLElement).click());
  await pass();
};

test("one that cannot be detached says why, and one that is missing says so", async () => {
  const why = "the VM boots from it and may not go on without it; stop it first";
  const { place, labelled } = await opened([
    disk("root", { detach: { allowed: false, code: "disk_needed", reason: why } }),
    disk("logs", { state: "missing", reference: null, own_volume: false }),
  ]);
  expect(await reasonOf(labelled("Detach root"))).toContain("boots from it");
  expect(place.textContent).toContain("missing");
  expect(labelled("Detach logs")?.getAttribute("aria-disabled")).not.toBe("true");
});

test("an attached disk is sent as it was filled in, and a name is of one alone", async () => {
  const { asked } = await opened([disk("data")]);
  await press("Attach disk");
  await type("Name", "data");
  expect(faultAt("Name")).toBe("It has one of that name");
  await type("Name", "more");
  await confirm("Attach");
  const sent = asked.find(({ body }) => body !== undefined);
  expect(sent?.body).toEqual({
    name: "more",
    source: { empty: { size_bytes: 10 * 2 ** 30, pool: null, format: null } },
  });
});

test("a volume is deleted only where its disk's name was typed", async () => {
  const { asked, labelled } = await opened([disk("data")]);
  await act(async () => labelled("Detach data")?.click());
  await pass();
  const box = dialog().querySelector<HTMLInputElement>("input[type=checkbox]");
  await act(async () => box?.click());
  await confirm("Detach and delete");
  expect(asked.some(({ path }) => path.startsWith(`${LIST}/`))).toBe(false);
  await type("Type data to confirm", "data");
  await confirm("Detach and delete");
  const sent = asked.find(({ path }) => path.includes("5f6a7b8c9d0e"));
  expect(sent).toBeDefined();
});

test("a disk is made larger by so much as was typed, and never smaller", async () => {
  const { asked, labelled } = await opened([disk("data")]);
  await act(async () => labelled("Grow data")?.click());
  await pass();
  await type("Size in GiB", "0.5");
  expect(faultAt("Size in GiB")).toContain("It has 1 GiB already");
  await confirm("Grow");
  expect(asked.some(({ body }) => body !== undefined)).toBe(false);
  await type("Size in GiB", "2.5");
  expect(faultAt("Size in GiB")).toBeFalsy();
  await confirm("Grow");
  const sent = asked.find(({ body }) => body !== undefined);
  expect(sent?.path).toBe(`${LIST}/data%405f6a7b8c9d0e/grow`);
  expect(sent?.body).toEqual({ capacity_bytes: 2.5 * 2 ** 30 });
});

test("a disk that cannot grow says why", async () => {
  const { labelled } = await opened([
    disk("data"),
    disk("logs", { state: "missing", reference: null }),
    disk("seed", { read_only: true }),
  ]);
  expect(await reasonOf(labelled("Grow data"))).toBeUndefined();
  expect(await reasonOf(labelled("Grow logs"))).toBe("The VM does not have it");
  expect(await reasonOf(labelled("Grow seed"))).toBe("The guest can only read it");
});

test.each([
  ["stopped", LIMITS, "Not while the VM is in this state"],
  ["running", { ...LIMITS, live_growth: false }, "Its provider makes no disk larger"],
] as const)(
  "a disk of a VM that is %s waits for what its provider can",
  async (state, limits, why) => {
    const { labelled } = await opened(
      [disk("data")],
      vmThatIs(state, { disk_limits: limits } as Partial<Vm>),
    );
    expect(await reasonOf(labelled("Grow data"))).toBe(why);
  },
);

test("what is full or cannot be done in the VM's state is not offered", async () => {
  const all = [disk("a"), disk("b"), disk("c")];
  await opened(all);
  expect(await reasonOf(button("Attach disk"))).toContain("can have 3");
});

test("a source is whole before it is sent", () => {
  const base = { gib: "", image: "", volume: "", pool: "", format: "raw" } as const;
  expect(sourceOf({ ...base, kind: "empty" })).toBeUndefined();
  expect(sourceOf({ ...base, kind: "volume", volume: "default" })).toBeUndefined();
  expect(sourceOf({ ...base, kind: "volume", volume: "default/a/b" })).toEqual({
    volume: { pool: "default", volume: "a/b" },
  });
  expect(sourceOf({ ...base, kind: "image", image: "tools" })).toEqual({
    image: { image: "tools", size_bytes: null, pool: null, format: "raw" },
  });
});

test("one that failed is off, as the server has it", async () => {
  const limits = { ...LIMITS, live_buses: [] };
  await opened([disk("a")], vmThatIs("failed", { disk_limits: limits } as Partial<Vm>));
  expect(await reasonOf(button("Attach disk"))).toBeUndefined();
  await press("Attach disk");
  const buses = [...dialog().querySelectorAll("option")].map(({ textContent }) => textContent);
  expect(buses).toContain("sata");
  expect(buses).not.toContain("scsi");
});

test("only what its provider can is offered", async () => {
  const limits = { ...LIMITS, formats: ["raw"], images: false };
  await opened([disk("a")], vmThatIs("running", { disk_limits: limits } as Partial<Vm>));
  await press("Attach disk");
  const offered = [...dialog().querySelectorAll("option")].map(({ value }) => value);
  expect(offered).toEqual(["empty", "volume", "", "raw", "", "scsi"]);
});

test("who may not make volumes attaches those that exist", async () => {
  await opened([disk("a")], vmThatIs("running"), ["vm.update"]);
  await press("Attach disk");
  await type("Name", "more");
  expect(dialog().textContent).toContain("lacks the permission volume.manage");
  const attach = [...dialog().querySelectorAll<HTMLButtonElement>("footer button")][0];
  expect(attach?.disabled).toBe(true);
  const kind = [...dialog().querySelectorAll("select")].find(({ value }) => value === "empty");
  await choose(kind?.id ?? "", "volume");
  await type("Volume", "default/logs");
  expect(attach?.disabled).toBe(false);
});
