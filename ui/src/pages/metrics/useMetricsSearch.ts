// What the URL says about the lists of collection, and how a list changes its part of it.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { MetricsSearch } from "../../lib/search";

export function useMetricsSearch() {
  const search = useSearch({ from: "/charts" });
  const navigate = useNavigate({ from: "/charts" });
  const set = useCallback(
    (change: Partial<MetricsSearch>) =>
      void navigate({ search: (old) => ({ ...old, ...change }), replace: true }),
    [navigate],
  );
  const clear = useCallback(
    () => void navigate({ search: ({ ops, tab }) => ({ ops, tab }), replace: true }),
    [navigate],
  );
  return { search, set, clear };
}
