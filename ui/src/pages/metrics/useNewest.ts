// One row of a list as it is now. It is read by its name: the list that it was clicked in
// may be narrowed to what it is no more.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { MEASURED_MS } from "../../api/metrics";
import { listQuery } from "../../api/query";
import { buildFilter } from "../../lib/filter";

export interface Newest<T> {
  /** As it was last seen. */
  row: T;
  /** Why that is not as it is now; undefined while it is. */
  old?: "gone" | "unread";
  /** When it was seen so, by the server's clock; undefined where that was in the list alone. */
  at?: string;
}

export function useNewest<T extends { name: string }>(
  list: "agents" | "outputs",
  clicked: T,
): Newest<T> {
  const filter = buildFilter([{ field: "name", value: clicked.name }]);
  const { data, isError } = useInfiniteQuery({
    ...listQuery(list, { filter }),
    // What was read for an earlier look is older than what was clicked.
    staleTime: 0,
    gcTime: 0,
    refetchInterval: MEASURED_MS,
  });
  const [last, setLast] = useState<{ row: T; at?: string }>({ row: clicked });
  const page = data?.pages[0];
  // The name says which list it is, and who asks gives a row of that one.
  const rows = page?.items as readonly unknown[] | undefined;
  const found = (rows as readonly T[] | undefined)?.find(({ name }) => name === clicked.name);
  const at = page?.observed_at ?? undefined;
  if (found && (found !== last.row || at !== last.at)) setLast({ row: found, at });
  return { ...last, old: isError ? "unread" : page && !found ? "gone" : undefined };
}
