// The create form: what it refuses, and what it asks for.
import { expect, test } from "vitest";
import { EMPTY_DRAFT, faultsOf, requestOf, type VmDraft } from "./vmDraft";

const GOOD: VmDraft = { ...EMPTY_DRAFT, name: "web-1", image: "debian-13" };

test("c1: the shortest draft asks for the image's own size", () => {
  expect(faultsOf(GOOD)).toEqual({});
  expect(requestOf(GOOD)).toEqual({
    spec: {
      name: "web-1",
      cpu: { count: 1 },
      memory: { bytes: 1024 ** 3 },
      firmware: { kind: "bios", secure_boot: false },
      disks: [{ name: "root", source: { image: { image: "debian-13" } } }],
      nics: [],
      graphics: "vnc",
    },
    start: true,
  });
});

test("e8: an instance type says the size, and takes the VM to its provider", () => {
  const draft = { ...GOOD, instanceType: "p/u1.small", preference: "p/shop/fedora", cpus: "no" };
  expect(faultsOf(draft)).toEqual({});
  const { spec, provider } = requestOf(draft);
  expect(provider).toBe("p");
  expect(spec.instance_type).toEqual({ name: "u1.small" });
  expect(spec.preference).toEqual({ name: "fedora", namespace: "shop" });
  expect(spec).not.toHaveProperty("cpu");
  expect(spec).not.toHaveProperty("memory");
  expect(Object.keys(faultsOf({ ...draft, preference: "q/x" }))).toEqual(["preference"]);
});

test("every field reaches the request", () => {
  const request = requestOf({
    ...GOOD,
    source: "empty",
    size: "20",
    pool: "fast",
    memory: "2G",
    network: "network:default",
    firmware: "uefi",
    secureBoot: true,
    graphics: "none",
    sshKeys: "ssh-ed25519 AAAA a@b\n\n",
    hostname: "web",
    labels: "tier=web",
    description: "shop",
    provider: "p",
    host: "h",
    start: false,
  });
  expect(request).toMatchObject({
    provider: "p",
    host: "h",
    start: false,
    spec: {
      description: "shop",
      labels: { tier: "web" },
      memory: { bytes: 2 * 1024 ** 3 },
      firmware: { kind: "uefi", secure_boot: true },
      disks: [{ name: "root", source: { empty: { size_bytes: 20 * 1024 ** 3, pool: "fast" } } }],
      nics: [{ source: { network: "default" } }],
      graphics: null,
      cloud_init: { ssh_keys: ["ssh-ed25519 AAAA a@b"], hostname: "web" },
    },
  });
});

test("a VM may have no disk and user-mode networking", () => {
  const { spec } = requestOf({ ...GOOD, source: "none", network: "user" });
  expect(spec.disks).toEqual([]);
  expect(spec.nics).toEqual([{ source: { user: {} } }]);
});

test("a format that was chosen is asked for, of a copy and of a new disk", () => {
  const disks = (part: Partial<VmDraft>) =>
    requestOf({ ...GOOD, format: "raw", ...part }).spec.disks;
  expect(disks({})).toMatchObject([{ source: { image: { format: "raw" } } }]);
  expect(disks({ source: "empty", size: "1" })).toMatchObject([
    { source: { empty: { format: "raw" } } },
  ]);
});

test("a volume that exists is named with its pool, and has its own size and format", () => {
  const chosen: VmDraft = {
    ...GOOD,
    source: "volume",
    size: "nonsense",
    format: "raw",
    pool: "shop",
    volumePool: "id-of-shop",
    volumePoolName: "shop",
    volume: "data",
  };
  expect(faultsOf(chosen)).toEqual({});
  expect(requestOf(chosen).spec.disks).toEqual([
    { name: "root", source: { volume: { pool: "shop", volume: "data" } } },
  ]);
});

test.each<[Partial<VmDraft>, keyof VmDraft]>([
  [{ name: "" }, "name"],
  [{ name: "-a" }, "name"],
  [{ name: "a".repeat(64) }, "name"],
  [{ image: "" }, "image"],
  [{ source: "empty", size: "" }, "size"],
  [{ source: "volume", volume: "data" }, "volumePool"],
  [{ source: "volume", volumePool: "id" }, "volume"],
  [{ size: "big" }, "size"],
  [{ size: "0" }, "size"],
  [{ cpus: "0" }, "cpus"],
  [{ cpus: "1.5" }, "cpus"],
  [{ memory: "lots" }, "memory"],
  [{ secureBoot: true }, "secureBoot"],
  [{ labels: "nonsense" }, "labels"],
  [{ sshKeys: "my key" }, "sshKeys"],
  [{ sshKeys: "ssh-rsa AAAA", userData: "#cloud-config" }, "userData"],
])("%j is refused at its field", (part, field) => {
  expect(Object.keys(faultsOf({ ...GOOD, ...part }))).toEqual([field]);
});
