// What the live stream says, read without trust in it.
import type { LiveFrame } from "../api/types";

/** A frame, as far as it can be one; undefined for what is none. */
export function parseFrame(text: string): LiveFrame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("type" in value)) return undefined;
    const frame = value as LiveFrame;
    if (frame.type === "vm_metrics") return Array.isArray(frame.data?.vms) ? frame : undefined;
    if (frame.type === "node_metrics") return Array.isArray(frame.data?.nodes) ? frame : undefined;
    return frame;
  } catch {
    return undefined;
  }
}
