// What adopting a VM would write down, asked of the server once the typing pauses.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { AdoptionRequest } from "../../api/types";
import { planAdoption } from "./decisions";

const PAUSE_MS = 300;

export function usePlan(vm: string, { name, project, read_only }: AdoptionRequest) {
  // The reason changes nothing of the plan.
  const wanted = useMemo(() => ({ name, project, read_only }), [name, project, read_only]);
  const [asked, setAsked] = useState(wanted);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuery({
    queryKey: ["adoption-plan", vm, asked],
    queryFn: ({ signal }) => planAdoption(vm, asked, signal),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  });
  return {
    planned: data,
    error,
    /** Whether what is known is of something else than what is typed now. */
    isOld: wanted !== asked || isFetching || isPlaceholderData,
    askAgain: () => void refetch(),
  };
}

export type Plan = ReturnType<typeof usePlan>;
