// For tests of adoption: VMs as the server tells them, and what it would write down.
import type { AdoptionRisk, PendingAdoption } from "../../api/types";

export function pending(name: string, part: Partial<PendingAdoption> = {}): PendingAdoption {
  return {
    vm: { id: `id-${name}`, name },
    status: "pending",
    origin: "foreign",
    state: "running",
    first_seen_at: "2026-11-22T06:00:00Z",
    simulated: true,
    adoptable: true,
    risks: [],
    ...part,
  };
}

/** What the server says that it would write down. */
export function planned(name: string, risks: AdoptionRisk[] = []) {
  const spec = {
    name,
    project: "default",
    cpu: { count: 2, max_count: 4 },
    memory: { bytes: 2 ** 31 },
    firmware: { kind: "uefi" },
    machine: { kind: "pc-q35-7.2" },
    autostart: true,
  };
  return { adoptable: !risks.some(({ forbids }) => forbids), spec, risks };
}
