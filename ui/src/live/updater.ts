// Turns events into reads, with a bound on both: events are gathered for a
// moment, a few changed VMs are read one by one and put into the rows together,
// and a whole list is read again only where rows do not do, and at most as often
// as reading it is cheap.
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { keys, type ListName, type ListParams, vmQuery } from "../api/query";
import type { HostlerEvent, Page, PendingAdoption, Vm } from "../api/types";
import { addEffects, noEffects } from "./effects";
import { mayHold, patchRows, type VmList, withoutRow } from "./rows";

type AdoptionList = InfiniteData<Page<PendingAdoption>>;

const GATHER_MS = 300;
/** VMs that arrive within this time go into the rows together; no longer than a frame or three. */
const PUT_MS = 50;
/** More changed VMs than this at once, and the list is read instead. */
const ROWS_MAX = 12;
const LIST_PAUSE_MIN_MS = 1_500;
/** A list's reads take at most a fifth of the time. */
const LIST_PAUSE_FACTOR = 4;

export class CacheUpdater {
  private effects = noEffects();
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private arrived = new Map<string, Vm>();
  private putting: ReturnType<typeof setTimeout> | undefined;
  private readonly waiting = new Map<ListName, ReturnType<typeof setTimeout>>();
  private readonly notBefore = new Map<ListName, number>();

  constructor(private readonly queries: QueryClient) {}

  event(event: HostlerEvent): void {
    addEffects(this.effects, event);
    this.gathering ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Everything may be old. */
  resync(): void {
    this.effects = noEffects();
    void this.queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" });
  }

  stop(): void {
    clearTimeout(this.gathering);
    clearTimeout(this.putting);
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  private flush(): void {
    this.gathering = undefined;
    const { lists, items, gone } = this.effects;
    this.effects = noEffects();
    for (const id of gone) this.remove(id);
    const vms: string[] = [];
    for (const item of items) {
      const [name, id] = item.split("/") as [ListName, string];
      // The page of a deleted VM asks once more and says that it is gone.
      if (name === "vms" && !gone.has(id)) vms.push(id);
      else void this.queries.invalidateQueries({ queryKey: keys.item(name, id) });
    }
    if (this.isShownWaiting(vms)) lists.add("adoptions");
    if (vms.length <= ROWS_MAX) {
      for (const id of vms) void this.row(id);
    } else {
      lists.add("vms");
      for (const id of vms) void this.queries.invalidateQueries({ queryKey: keys.item("vms", id) });
    }
    for (const list of lists) this.list(list);
  }

  /** Whether a list of VMs that nobody manages shows one of these: its row tells the state, too. */
  private isShownWaiting(vms: readonly string[]): boolean {
    if (vms.length === 0) return false;
    return this.queries
      .getQueriesData<AdoptionList>({ queryKey: keys.lists("adoptions") })
      .some(([, list]) =>
        list?.pages.some((page) => page.items.some((row) => vms.includes(row.vm.id))),
      );
  }

  /** Reads one VM, if anything shows it; its rows follow. */
  private async row(id: string): Promise<void> {
    if (!this.isWanted(id)) return;
    try {
      const { data } = await this.queries.fetchQuery({
        ...vmQuery(id),
        staleTime: 0,
        retry: false,
      });
      this.arrived.set(id, data);
      this.putting ??= setTimeout(() => this.put(), PUT_MS);
    } catch {
      // Gone or unreadable: the list's own read tells the truth.
      this.list("vms");
    }
  }

  /** Whether a page or a list shows the VM, or a list may have to from now on. */
  private isWanted(id: string): boolean {
    const cache = this.queries.getQueryCache();
    if (cache.find({ queryKey: keys.item("vms", id) })?.isActive()) return true;
    return cache
      .findAll({ queryKey: keys.lists("vms") })
      .some(
        ({ queryKey, state }) =>
          state.fetchStatus === "fetching" ||
          mayHold(state.data as VmList | undefined, (queryKey[2] ?? {}) as ListParams, id),
      );
  }

  /** Puts all VMs that arrived into their rows at once: a change of the table is not cheap. */
  private put(): void {
    this.putting = undefined;
    // A read under way may be older than these, and would take their place when it ends.
    if (this.isReading("vms")) {
      this.putting = setTimeout(() => this.put(), PUT_MS);
      return;
    }
    const vms = this.arrived;
    this.arrived = new Map();
    for (const [key, list] of this.queries.getQueriesData<VmList>({
      queryKey: keys.lists("vms"),
    })) {
      if (!list) continue;
      const patched = patchRows(list, (key[2] ?? {}) as ListParams, vms);
      if (patched.list !== list) this.queries.setQueryData(key, patched.list);
      if (patched.reread) this.list("vms");
    }
  }

  /** Takes a VM out of the rows at once; the list's own read follows. */
  private remove(id: string): void {
    this.queries.setQueriesData<VmList>(
      { queryKey: keys.lists("vms") },
      (list) => list && withoutRow(list, id),
    );
  }

  private list(name: ListName): void {
    if (this.waiting.has(name)) return;
    const pause = Math.max(0, (this.notBefore.get(name) ?? 0) - Date.now());
    const timer = setTimeout(() => {
      void this.readList(name);
    }, pause);
    this.waiting.set(name, timer);
  }

  private isReading(name: ListName): boolean {
    return this.queries.isFetching({ queryKey: keys.lists(name) }) > 0;
  }

  private async readList(name: ListName): Promise<void> {
    // One under way may have begun before the change, and would be joined.
    if (this.isReading(name)) {
      this.waiting.set(
        name,
        setTimeout(() => void this.readList(name), GATHER_MS),
      );
      return;
    }
    const begun = Date.now();
    // What changes meanwhile asks for another read, which waits its turn.
    this.waiting.delete(name);
    this.notBefore.set(name, begun + LIST_PAUSE_MIN_MS);
    await this.queries.invalidateQueries({ queryKey: keys.lists(name) }, { cancelRefetch: false });
    if (name === "pools") await this.queries.invalidateQueries({ queryKey: ["volumes"] });
    const took = Date.now() - begun;
    const pause = Math.max(LIST_PAUSE_MIN_MS, LIST_PAUSE_FACTOR * took);
    this.notBefore.set(name, Date.now() + pause);
  }
}
