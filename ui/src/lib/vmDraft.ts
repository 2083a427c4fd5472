// The create form as a value: what stands in its fields, what is wrong with it,
// and the request it means. The form, the copied commands and the server's plan
// all come from the one request.
import type { CloudInit, DiskSpec, NicSource, VmRequest, VmSpec, VolumeFormat } from "../api/types";
import { parseBytes } from "./format";
import { parseLabels } from "./labels";
import { offerOf } from "./offers";

export interface VmDraft {
  name: string;
  description: string;
  labels: string;
  source: "image" | "empty" | "volume" | "none";
  image: string;
  /** As typed: `20`, `20G`; a bare number is GiB. Empty with an image: the image's size. */
  size: string;
  pool: string;
  /** How a disk is stored; empty: what the provider keeps. */
  format: VolumeFormat | "";
  /** The pool of a volume that exists, by id: pools of several hosts have one name. */
  volumePool: string;
  /** The name of that pool, which the request takes: `pool` is where new disks go. */
  volumePoolName: string;
  volume: string;
  /** The instance type by its id, which sizes it; empty: none. */
  instanceType: string;
  /** The preference by its id; empty: none. */
  preference: string;
  cpus: string;
  /** As typed; a bare number is MiB. */
  memory: string;
  /** `none`, `user` or `network:NAME`. */
  network: string;
  firmware: "bios" | "uefi";
  secureBoot: boolean;
  graphics: "vnc" | "none";
  sshKeys: string;
  hostname: string;
  userData: string;
  provider: string;
  host: string;
  start: boolean;
}

export const EMPTY_DRAFT: VmDraft = {
  name: "",
  description: "",
  labels: "",
  source: "image",
  image: "",
  size: "",
  pool: "",
  format: "",
  volumePool: "",
  volumePoolName: "",
  volume: "",
  instanceType: "",
  preference: "",
  cpus: "1",
  memory: "1024",
  network: "",
  firmware: "bios",
  secureBoot: false,
  graphics: "vnc",
  sshKeys: "",
  hostname: "",
  userData: "",
  provider: "",
  host: "",
  start: true,
};

export type Faults = Partial<Record<keyof VmDraft, string>>;

/** Letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 63. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** What is wrong with a VM's name. */
export function nameFault(name: string): string | undefined {
  if (NAME.test(name)) return undefined;
  return name
    ? "At most 63 letters, digits, dots, underscores and hyphens, a letter or digit first"
    : "A VM needs a name";
}

/** What is wrong, field by field. The server has the last word, this the first. */
export function faultsOf(draft: VmDraft): Faults {
  const faults: Faults = {};
  const name = nameFault(draft.name);
  if (name) faults.name = name;
  if (draft.source === "image" && draft.image === "") faults.image = "Choose an image";
  if (draft.source === "empty" || (draft.source === "image" && draft.size !== "")) {
    const size = parseBytes(draft.size, "G");
    if (!size) faults.size = "A size, for example 20 GiB";
  }
  if (draft.source === "volume") {
    if (draft.volumePool === "") faults.volumePool = "Choose a pool";
    if (draft.volume === "") faults.volume = "Choose a volume";
  }
  // An instance type says both.
  if (!draft.instanceType) {
    if (!/^[1-9]\d{0,3}$/.test(draft.cpus)) faults.cpus = "A whole number from 1";
    if (!parseBytes(draft.memory, "M")) faults.memory = "An amount, for example 2 GiB";
  }
  const places = [draft.instanceType, draft.preference].flatMap(
    (id) => offerOf(id)?.provider ?? [],
  );
  if (new Set(places).size > 1) faults.preference = "It is of another provider than the type";
  if (draft.secureBoot && draft.firmware !== "uefi") faults.secureBoot = "Needs UEFI";
  const labels = parseLabels(draft.labels);
  if (labels.fault) faults.labels = labels.fault;
  const badKey = keysOf(draft).find((key) => !/^(ssh|ecdsa|sk)-\S+ \S+/.test(key));
  if (badKey) faults.sshKeys = `This is no public key: ${badKey.slice(0, 40)}`;
  if (draft.userData && draft.sshKeys) {
    faults.userData = "Give either keys or a user-data document; the document would hide the keys";
  }
  return faults;
}

/** The request that a draft without faults means. */
export function requestOf(draft: VmDraft): VmRequest {
  const spec: VmSpec = {
    name: draft.name,
    ...sizeOf(draft),
    firmware: { kind: draft.firmware, secure_boot: draft.secureBoot },
    disks: disksOf(draft),
    nics: nicOf(draft.network).map((source) => ({ source })),
    graphics: draft.graphics === "vnc" ? "vnc" : null,
  };
  const preference = offerOf(draft.preference);
  if (preference) spec.preference = preference.named;
  const provider =
    draft.provider || offerOf(draft.instanceType)?.provider || preference?.provider || "";
  if (draft.description) spec.description = draft.description;
  const { labels } = parseLabels(draft.labels);
  if (Object.keys(labels).length > 0) spec.labels = labels;
  const seed = seedOf(draft);
  if (seed) spec.cloud_init = seed;
  return {
    spec,
    start: draft.start,
    ...(provider && { provider }),
    ...(draft.host && { host: draft.host }),
  };
}

/** The instance type, or the size. */
function sizeOf(draft: VmDraft): Pick<VmSpec, "instance_type" | "cpu" | "memory"> {
  const type = offerOf(draft.instanceType);
  if (type) return { instance_type: type.named };
  return {
    cpu: { count: Number(draft.cpus) },
    memory: { bytes: parseBytes(draft.memory, "M") ?? 0 },
  };
}

function disksOf(draft: VmDraft): DiskSpec[] {
  const size_bytes = parseBytes(draft.size, "G");
  const pool = draft.pool || undefined;
  const format = draft.format || undefined;
  if (draft.source === "image") {
    return [{ name: "root", source: { image: { image: draft.image, size_bytes, pool, format } } }];
  }
  if (draft.source === "empty") {
    return [{ name: "root", source: { empty: { size_bytes: size_bytes ?? 0, pool, format } } }];
  }
  if (draft.source === "volume") {
    const volume = { pool: draft.volumePoolName, volume: draft.volume };
    return [{ name: "root", source: { volume } }];
  }
  return [];
}

function nicOf(network: string): NicSource[] {
  if (network === "user") return [{ user: {} }];
  if (network.startsWith("network:")) return [{ network: network.slice("network:".length) }];
  return [];
}

function keysOf(draft: VmDraft): string[] {
  return draft.sshKeys
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function seedOf(draft: VmDraft): CloudInit | undefined {
  const ssh_keys = keysOf(draft);
  const seed: CloudInit = {};
  if (ssh_keys.length > 0) seed.ssh_keys = ssh_keys;
  if (draft.hostname) seed.hostname = draft.hostname;
  if (draft.userData) seed.user_data = draft.userData;
  return Object.keys(seed).length > 0 ? seed : undefined;
}
