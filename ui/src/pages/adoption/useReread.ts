// After a decision by this page, what shows it is read at once: the event that tells of
// it may be a moment late, or the stream away.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { keys } from "../../api/query";

export function useReread(): (vms: readonly string[]) => void {
  const queries = useQueryClient();
  return useCallback(
    (vms) => {
      for (const name of ["adoptions", "vms"] as const) {
        void queries.invalidateQueries({ queryKey: keys.lists(name) });
      }
      for (const vm of vms) void queries.invalidateQueries({ queryKey: keys.item("vms", vm) });
    },
    [queries],
  );
}
