// What kind of news a state is. Colour follows from it, and an icon and the
// state's own word always go with the colour.

export type Tone = "good" | "off" | "held" | "moving" | "bad" | "unknown";

const VM: Record<string, Tone> = {
  running: "good",
  stopped: "off",
  saved: "off",
  paused: "held",
  suspended: "held",
  creating: "moving",
  deleting: "moving",
  starting: "moving",
  stopping: "moving",
  saving: "moving",
  dumping: "moving",
  snapshotting: "moving",
  migrating: "moving",
  crashed: "bad",
  failed: "bad",
  missing: "bad",
};

const OPERATION: Record<string, Tone> = {
  pending: "moving",
  running: "moving",
  cancelling: "moving",
  succeeded: "good",
  failed: "bad",
  cancelled: "off",
  needs_attention: "held",
};

const STEP: Record<string, Tone> = {
  pending: "off",
  running: "moving",
  done: "good",
  failed: "bad",
  failed_undone: "bad",
  undoing: "moving",
  undone: "held",
  not_undone: "held",
  undo_failed: "bad",
};

const PLACE: Record<string, Tone> = {
  ready: "good",
  healthy: "good",
  active: "good",
  connecting: "moving",
  closed: "off",
  inactive: "off",
  rebuilding: "held",
  degraded: "held",
  unhealthy: "bad",
  unreachable: "bad",
};

const AGENT: Record<string, Tone> = {
  ok: "good",
  connecting: "moving",
  unreachable: "bad",
  untrusted: "bad",
  refused: "bad",
  incompatible: "bad",
  invalid: "bad",
  misconfigured: "bad",
};

const OUTPUT: Record<string, Tone> = { ok: "good", untried: "moving", failing: "bad" };

const SNAPSHOT: Record<string, Tone> = {
  creating: "moving",
  ready: "good",
  failed: "bad",
  deleting: "moving",
};

const MIGRATION: Record<string, Tone> = {
  waiting: "moving",
  preparing: "moving",
  copying: "moving",
  succeeded: "good",
  failed: "bad",
  cancelled: "off",
};

export type Family =
  | "vm"
  | "operation"
  | "step"
  | "place"
  | "agent"
  | "output"
  | "snapshot"
  | "migration";

const TABLES: Record<Family, Record<string, Tone>> = {
  vm: VM,
  operation: OPERATION,
  step: STEP,
  place: PLACE,
  agent: AGENT,
  output: OUTPUT,
  snapshot: SNAPSHOT,
  migration: MIGRATION,
};

/** States of VMs that a filter offers, in the order of daily use. */
export const VM_STATES = [...Object.keys(VM), "unknown"] as const;
export const OPERATION_STATES = Object.keys(OPERATION);
export const MIGRATION_PHASES = [...Object.keys(MIGRATION), "unknown"] as const;
export const AGENT_STATES = Object.keys(AGENT);

/** A word this UI does not know is unknown, never good. */
export function toneOf(family: Family, state: string): Tone {
  const table = TABLES[family];
  return Object.hasOwn(table, state) ? (table[state] ?? "unknown") : "unknown";
}

/** Whether an operation is over. */
export function isFinished(state: string): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
