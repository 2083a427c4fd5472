// The command that asks for the same VM. Where the command line has no flag for
// something, the whole document is given to it instead, so that what is copied
// always means what the form shows.
import type { VmRequest } from "../api/types";
import { bytesArgument } from "./format";
import { named } from "./offers";

export function cliText(request: VmRequest): string {
  return flagsOf(request)?.join(" \\\n  ") ?? documentCommand(request);
}

/** The request as JSON, as the API takes it. */
export function jsonText(request: VmRequest): string {
  return JSON.stringify(request, null, 2);
}

function documentCommand(request: VmRequest): string {
  return `hostler vm create --file - <<'EOF'\n${jsonText(request)}\nEOF`;
}

/** The command by flags; undefined where flags cannot say it. */
function flagsOf({ spec, provider, host, start }: VmRequest): string[] | undefined {
  // The command takes these from files, which the page cannot write.
  if (spec.cloud_init?.user_data || spec.cloud_init?.ssh_keys?.length) return undefined;
  const words = [`hostler vm create ${shell(spec.name)}`];
  const add = (flag: string, value?: string | null) => {
    words.push(value == null ? flag : `${flag} ${shell(value)}`);
  };
  for (const disk of spec.disks ?? []) {
    if ("image" in disk.source) {
      const { image, size_bytes, pool, format } = disk.source.image;
      if ((pool || format) && !size_bytes) return undefined;
      add("--image", image);
      if (size_bytes) add("--disk", diskWords({ size_bytes, pool, format }));
    } else if ("empty" in disk.source) {
      add("--disk", diskWords(disk.source.empty));
    } else if ("volume" in disk.source) {
      const { pool, volume } = disk.source.volume;
      // A comma would begin another part.
      if (`${pool}${volume}`.includes(",")) return undefined;
      add("--disk", `volume=${volume},pool=${pool}`);
    } else return undefined;
  }
  if (spec.instance_type) add("--instance-type", named(spec.instance_type));
  if (spec.preference) add("--preference", named(spec.preference));
  if (!spec.instance_type) add("--cpus", String(spec.cpu?.count ?? 1));
  if (spec.memory?.bytes != null) add("--memory", bytesArgument(spec.memory.bytes));
  for (const nic of spec.nics ?? []) {
    if ("network" in nic.source) add("--network", nic.source.network);
    else if ("user" in nic.source) add("--network", "user");
    else return undefined;
  }
  if (spec.firmware?.kind === "uefi") add("--uefi");
  if (spec.firmware?.secure_boot) add("--secure-boot");
  if (spec.graphics) add("--graphics", spec.graphics);
  for (const [key, value] of Object.entries(spec.labels ?? {})) add("--label", `${key}=${value}`);
  if (spec.description) add("--description", spec.description);
  if (spec.cloud_init?.hostname) add("--hostname", spec.cloud_init.hostname);
  if (provider) add("--provider", provider);
  if (host) add("--host", host);
  if (start === false) add("--no-start");
  return words;
}

/** The value of `--disk`. */
function diskWords(disk: {
  size_bytes: number;
  pool?: string | null;
  format?: string | null;
}): string {
  const words = [bytesArgument(disk.size_bytes)];
  if (disk.pool) words.push(`pool=${disk.pool}`);
  if (disk.format) words.push(`format=${disk.format}`);
  return words.join(",");
}

/** A word as a POSIX shell reads it back. */
export function shell(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
