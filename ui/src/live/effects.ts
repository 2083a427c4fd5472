// Which parts of the cache an event makes old: a pure table, so that a test can
// show that every kind of event reaches every view that shows the thing.
import type { ListName } from "../api/query";
import type { HostlerEvent } from "../api/types";

/** Lists and single things to read again. */
export interface Effects {
  lists: Set<ListName>;
  /** `vms/ID` …; a VM here is a row of the list of VMs, too. */
  items: Set<string>;
  /** Ids of VMs that are no more; nobody has to ask for them. */
  gone: Set<string>;
}

/** The list that holds things of a kind. */
const LIST_OF: Record<string, ListName> = {
  vm: "vms",
  host: "hosts",
  provider: "providers",
  pool: "pools",
  network: "networks",
  image: "images",
  template: "templates",
  operation: "operations",
  alert: "alerts",
  silence: "silences",
};

/** Lists that show something about things of another kind: counts, states, ages. */
const ALSO: Record<string, ListName[]> = {
  vm: ["hosts"],
  provider: ["hosts", "pools", "networks", "vms", "adoptions", "clusters"],
  host: ["vms", "adoptions"],
  // Volumes are read with their pool.
  volume: ["pools"],
  // A silence marks alerts, and counts them.
  silence: ["alerts"],
  alert: ["alertHistory", "silences", "rules", "receivers"],
};

export function noEffects(): Effects {
  return { lists: new Set(), items: new Set(), gone: new Set() };
}

/** Kinds of events by which the list of VMs gets another member or loses one. */
const MEMBERSHIP = new Set(["vm.created", "vm.found", "vm.deleted", "vm.lost"]);
/** Kinds of events by which the list of VMs that nobody manages does. */
const ADOPTION = new Set([
  "vm.adopted",
  "vm.ignored",
  "vm.offered",
  "vm.released",
  "vm.found",
  "vm.lost",
  "vm.deleted",
]);
/** Kinds of operations by which the list of VMs does. */
const MAKES_OR_ENDS = new Set(["vm.create", "vm.clone", "vm.delete"]);

/** Adds to `effects` what `event` makes old. */
export function addEffects(effects: Effects, event: HostlerEvent): void {
  effects.lists.add("events");
  if (event.type === "vm.deleted" && event.resource) effects.gone.add(event.resource.id);
  if (ADOPTION.has(event.type)) effects.lists.add("adoptions");
  addRemembered(effects, event);
  const operation = operationIn(event);
  for (const resource of [event.resource, operation]) {
    if (!resource) continue;
    const list = LIST_OF[resource.kind];
    // A cluster is a provider, and has its id.
    if (list === "providers") effects.items.add(`clusters/${resource.id}`);
    if (list) {
      effects.items.add(`${list}/${resource.id}`);
      // VMs are many: mostly one row is read, and not the list.
      if (list !== "vms" || changesMembers(event)) effects.lists.add(list);
    }
    for (const also of ALSO[resource.kind] ?? []) effects.lists.add(also);
  }
}

/** Kinds by which the disks of a VM are others, or can be taken off that could not before. */
const DISKS =
  /^(disk\.|snapshot\.revert|vm\.(state|reconfigured|changed|found|adopted|released|migrated)$)/;

/** What providers remember of VMs, and only tell when they are asked: by what worked on it. */
function addRemembered(effects: Effects, event: HostlerEvent): void {
  const kind = operationKind(event) ?? event.type;
  if (kind === "vm.migrate" || kind === "vm.migrated") effects.lists.add("migrations");
  const vm = event.resource?.kind === "vm" ? event.resource.id : undefined;
  if (vm && (DISKS.test(kind) || DISKS.test(event.type))) effects.items.add(`disks/${vm}`);
  if (vm && kind.startsWith("snapshot.")) effects.items.add(`snapshots/${vm}`);
}

function changesMembers(event: HostlerEvent): boolean {
  return MEMBERSHIP.has(event.type) || MAKES_OR_ENDS.has(operationKind(event) ?? "");
}

/** What the operation does that the event is about, where it is about one. */
function operationKind({ type, data }: HostlerEvent): string | undefined {
  if (!type.startsWith("operation.") || typeof data !== "object" || data === null) return undefined;
  const { kind } = data as { kind?: unknown };
  return typeof kind === "string" ? kind : undefined;
}

/** An operation's event is about what it works on; the operation stands beside it. */
function operationIn({ type, data }: HostlerEvent): { kind: string; id: string } | undefined {
  if (!type.startsWith("operation.") || typeof data !== "object" || data === null) return undefined;
  const { operation } = data as { operation?: unknown };
  return typeof operation === "string" ? { kind: "operation", id: operation } : undefined;
}

/** Reads an event from the text of a frame; undefined when it is none. */
export function parseEvent(text: string): HostlerEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const event = value as HostlerEvent;
    return typeof event.seq === "number" && typeof event.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}
