// For tests of snapshots: facts and snapshots as the server tells them, and a VM that has them.
import type { Snapshot, Vm } from "../../../../api/types";

export const known = <T>(value: T) => ({
  value,
  quality: "ok",
  source: "sim",
  observed_at: "2026-11-22T06:00:00Z",
  reason: null,
});

export const untold = (reason: string) => ({ ...known(null), quality: "unsupported", reason });

export function snapshot(name: string, part: Partial<Snapshot> = {}): Snapshot {
  return {
    id: `id-${name}`,
    reference: `ref-${name}`,
    name,
    state: "ready",
    message: null,
    description: null,
    parent: null,
    is_current: known(false),
    content: known("disks"),
    consistency: known("crash"),
    taken_at: known("2026-11-22T05:00:00Z"),
    disks: known(["root"]),
    disks_left_out: known([]),
    ...part,
  };
}

export function vmThatIs(state: string, actions: Vm["actions"] = {}): Vm {
  const allowed = { allowed: true };
  return {
    id: "1",
    name: "web",
    provider: { id: "p", name: "eu" },
    host: { id: "h1", name: "alpha" },
    status: { state, quality: "ok" },
    actions: {
      snapshot: allowed,
      revert: allowed,
      update: allowed,
      delete_snapshot: allowed,
      migrate: allowed,
      clone: allowed,
      ...actions,
    },
  } as unknown as Vm;
}
