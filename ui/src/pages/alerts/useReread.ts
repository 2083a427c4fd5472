// After a change by this page, what shows it is read at once: the event that tells of
// it may be a moment late, or the stream away.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { keys, type ListName } from "../../api/query";

const LISTS: readonly ListName[] = ["alerts", "alertHistory", "silences"];

export function useReread(): () => void {
  const queries = useQueryClient();
  return useCallback(() => {
    for (const name of LISTS) void queries.invalidateQueries({ queryKey: keys.lists(name) });
    void queries.invalidateQueries({ queryKey: ["item", "alerts"] });
  }, [queries]);
}
