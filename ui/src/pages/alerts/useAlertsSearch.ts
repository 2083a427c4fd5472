// What the URL says about the lists of alerts, and how a list changes its part of it.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { AlertsSearch } from "../../lib/search";

export function useAlertsSearch() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate({ from: "/alerts" });
  const set = useCallback(
    (change: Partial<AlertsSearch>) =>
      void navigate({ search: (old) => ({ ...old, ...change }), replace: true }),
    [navigate],
  );
  const clear = useCallback(
    () => void navigate({ search: ({ ops, tab }) => ({ ops, tab }), replace: true }),
    [navigate],
  );
  const onSearch = useCallback((text: string | undefined) => set({ search: text }), [set]);
  return { search, set, clear, onSearch };
}
