// Snapshots in words and as a tree. How one came out is told as the provider says, not as it
// was asked for.
import type { Snapshot, SnapshotConsistency, Vm } from "../api/types";

/** How well the disks of one fit together. */
export const CONSISTENCY: Record<SnapshotConsistency, string> = {
  offline: "the VM was off",
  quiesced: "file systems at rest",
  crash: "as after a power cut",
  memory: "with its memory",
};

export interface InTree {
  snapshot: Snapshot;
  /** How many it grew from, one from the other. */
  depth: number;
  /** The one that it grew from, where it is still there. */
  parent?: Snapshot;
}

/**
 * What grew from one stands below it, in the given order. One whose parent is gone, or that would
 * be its own ancestor, stands at the edge.
 */
export function treeOf(snapshots: readonly Snapshot[]): InTree[] {
  const byReference = new Map(snapshots.map((one) => [one.reference, one]));
  const rows: InTree[] = [];
  const placed = new Set<string>();
  const put = (snapshot: Snapshot, depth: number, parent?: Snapshot) => {
    if (placed.has(snapshot.reference)) return;
    placed.add(snapshot.reference);
    rows.push({ snapshot, depth, parent });
    for (const one of snapshots) {
      if (one.parent === snapshot.reference) put(one, depth + 1, snapshot);
    }
  };
  for (const one of snapshots) {
    if (one.parent == null || !byReference.has(one.parent)) put(one, 0);
  }
  // A ring is no tree; what is in it is shown all the same.
  for (const one of snapshots) put(one, 0);
  return rows;
}

/** States in which no hypervisor process holds a VM, as the server has it. */
const OFF: readonly string[] = ["stopped", "saved", "failed"];
/** States that do not tell. */
const UNTOLD: readonly string[] = ["unknown", "missing"];

type Told = Pick<Vm, "status" | "snapshot_limits">;

/**
 * Whether a VM is on, so that it has memory and power that can be cut; one that crashed is held
 * for inspection, and is. None where its state does not tell.
 */
export function isLive({ status: { state } }: Pick<Vm, "status">): boolean | undefined {
  return UNTOLD.includes(state) ? undefined : !OFF.includes(state);
}

/** Why it has to be stopped before one is taken, if so. */
export function notTakenLive(vm: Told): string | undefined {
  return vm.snapshot_limits?.live === false && isLive(vm)
    ? "Its provider takes snapshots of stopped VMs only: stop it first"
    : undefined;
}

/** Why it has to be stopped before it is put back, if so. */
export function notPutBackLive(vm: Told): string | undefined {
  return vm.snapshot_limits?.reverts_live === false && isLive(vm)
    ? "Its provider puts back stopped VMs only: stop it first"
    : undefined;
}

/** What becomes of the power of a VM that is put back, if it has any. */
function powerLost(vm: Told): string | undefined {
  const live = isLive(vm);
  if (live === false) return undefined;
  const cut = vm.snapshot_limits?.reverts_live;
  const what =
    cut === undefined
      ? "its power is cut, or this is refused until it is stopped"
      : cut
        ? "its power is cut"
        : "this is refused until it is stopped";
  return live ? `It is on: ${what}.` : `Whether it is on is not known: if it is, ${what}.`;
}

/** What going back to one would cost, a sentence each. */
export function lostBy(
  { taken_at: taken, content, disks_left_out: left }: Snapshot,
  vm: Told,
  timeText: (at: string) => string,
): string[] {
  const since = taken.value ? `after ${timeText(taken.value)}` : "since it was taken";
  const told = [`What was written to its disks ${since} is lost.`];
  const power = powerLost(vm);
  if (power) told.push(power);
  told.push(
    content.value === "disks_and_memory"
      ? "It then goes on where it was, with the memory of then."
      : content.value === "disks"
        ? "It is off afterwards."
        : "Whether it is off afterwards its provider does not tell.",
  );
  if (left.value == null) {
    told.push(`Which disks are not in it is not known: ${left.reason || left.quality}.`);
  } else if (left.value.length > 0) {
    told.push(
      `These disks are not in it, and stay as they are or are empty then, as its provider has it: ${left.value.join(", ")}.`,
    );
  }
  told.push(
    "Where its provider keeps more than disks in it, its size, its devices and disks that were attached since go back, too.",
  );
  return told;
}
