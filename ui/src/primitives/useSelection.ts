// Which rows of a table are ticked. Rows that left the list are no longer ticked,
// so that nothing out of sight is acted on.
import { useCallback, useMemo, useState } from "react";

export function useSelection<T>(rows: readonly T[], idOf: (row: T) => string) {
  const [ticked, set] = useState<ReadonlySet<string>>(new Set());
  const ids = useMemo(() => {
    if (ticked.size === 0) return ticked;
    return new Set(rows.map(idOf).filter((id) => ticked.has(id)));
  }, [rows, ticked, idOf]);
  const toggle = useCallback((id: string, wanted: boolean) => {
    set((old) => {
      const next = new Set(old);
      if (wanted) next.add(id);
      else next.delete(id);
      return next;
    });
  }, []);
  const toggleAll = useCallback(
    (wanted: boolean) => set(wanted ? new Set(rows.map(idOf)) : new Set()),
    [rows, idOf],
  );
  const clear = useCallback(() => set(new Set()), []);
  return useMemo(() => ({ ids, toggle, toggleAll, set, clear }), [ids, toggle, toggleAll, clear]);
}
