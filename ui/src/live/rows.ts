// Puts changed VMs into lists that are in the cache, and says when that does not
// do: a list that is filtered or sorted by what changed has to be read again.
import type { InfiniteData } from "@tanstack/react-query";
import type { ListParams } from "../api/query";
import type { Page, Vm, VmSummary } from "../api/types";
import { parseSort } from "../lib/filter";

export type VmList = InfiniteData<Page<VmSummary>>;

/** What rows are sorted by, where that is told by the row itself. */
const SORTED_BY: Record<string, (vm: VmSummary) => unknown> = {
  name: (vm) => vm.name,
  state: (vm) => vm.status.state,
  host: (vm) => vm.host?.name,
  provider: (vm) => vm.provider?.name,
  cpu_count: (vm) => vm.cpu_count,
  memory_bytes: (vm) => vm.memory_bytes,
  created_at: (vm) => vm.created_at,
};

/** Sorted by these, a VM of a page that was not read does not come into those that were. */
const LASTING = new Set(["name", "created_at"]);

export interface Patched {
  list: VmList;
  /** Whether rows may be missing, too many or out of place. */
  reread: boolean;
}

/** Whether the list holds the VM, or might once it has changed. */
export function mayHold(list: VmList | undefined, params: ListParams, id: string): boolean {
  if (!list) return false;
  const narrowed = params.filter !== undefined || params.search !== undefined;
  if (narrowed || !LASTING.has(fieldOf(params))) return true;
  return list.pages.some((page) => page.items.some((row) => row.id === id));
}

function fieldOf(params: ListParams): string {
  return parseSort(params.sort)?.field ?? "name";
}

/** The list with these VMs, by id, in their places; the same object where it has none of them. */
export function patchRows(list: VmList, params: ListParams, vms: ReadonlyMap<string, Vm>): Patched {
  const field = fieldOf(params);
  const key = SORTED_BY[field];
  let reread = params.filter !== undefined || params.search !== undefined || key === undefined;
  let found = 0;
  const pages = list.pages.map((page) => {
    if (!page.items.some((row) => vms.has(row.id))) return page;
    const items = page.items.map((old) => {
      const vm = vms.get(old.id);
      if (!vm) return old;
      found += 1;
      const { spec: _spec, observed: _observed, ...row } = vm;
      if (key?.(old) !== key?.(row)) reread = true;
      return row;
    });
    return { ...page, items };
  });
  if (found < vms.size && !LASTING.has(field)) reread = true;
  return { list: found === 0 ? list : { ...list, pages }, reread };
}

/** The list without the VM. */
export function withoutRow(list: VmList, id: string): VmList {
  const pages = list.pages.map((page) => ({
    ...page,
    items: page.items.filter((row) => row.id !== id),
  }));
  return { ...list, pages };
}
