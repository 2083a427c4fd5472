// What a change of a VM would do, in words. When it takes effect, and who else manages a
// field, the server says.
import type { FieldChange, VmKeeper, VmSpec } from "../api/types";
import { bytes } from "./format";

/** The same VM with so many processors and so much memory. */
export function resized(spec: VmSpec, cpus: number, memory: number): VmSpec {
  const cpu = spec.cpu ?? {};
  // More than there could be: then there can be so many from now on.
  const most = cpu.max_count != null && cpu.max_count >= cpus ? cpu.max_count : null;
  return {
    ...spec,
    cpu: { ...cpu, count: cpus, max_count: most },
    memory: { ...spec.memory, bytes: memory },
  };
}

const NAMES: Partial<Record<string, string>> = {
  "/cpu/count": "Processors",
  "/cpu/max_count": "Most processors",
  "/memory/bytes": "Memory",
  "/description": "Description",
};

/** What a field is called. */
export function fieldName({ path }: Pick<FieldChange, "path">): string {
  return NAMES[path] ?? path;
}

/** A value of a field. */
export function fieldValue(path: string, value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (path.endsWith("/bytes") && typeof value === "number") return bytes(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** When a change takes effect, or why it never does. */
export function takesEffect({ takes, reason }: Pick<FieldChange, "takes" | "reason">): string {
  switch (takes) {
    case "live":
      return "at once";
    case "next_start":
      return "at its next start";
    case "refused":
      return reason ? `never: ${reason}` : "never";
  }
}

/** Who keeps a VM. */
export function keeperName({ tool, name }: Pick<VmKeeper, "tool" | "name">): string {
  return name ? `${tool} (${name})` : tool;
}
