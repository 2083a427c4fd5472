// The draft of a new VM, kept for this browser tab so that a reload or a look at
// another page loses nothing. It goes when the VM is made.
import { useCallback, useState } from "react";
import { EMPTY_DRAFT, type VmDraft } from "../../../lib/vmDraft";

const KEY = "hostler.vm-draft";

function load(): VmDraft {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (typeof stored !== "object" || stored === null) return EMPTY_DRAFT;
    const known = Object.entries(stored).filter(
      ([key, value]) =>
        key in EMPTY_DRAFT && typeof value === typeof EMPTY_DRAFT[key as keyof VmDraft],
    );
    return { ...EMPTY_DRAFT, ...Object.fromEntries(known) };
  } catch {
    return EMPTY_DRAFT;
  }
}

export function useDraft() {
  const [draft, setDraft] = useState(load);
  const change = useCallback((part: Partial<VmDraft>) => {
    setDraft((old) => {
      const next = { ...old, ...part };
      sessionStorage.setItem(KEY, JSON.stringify(next));
      return next;
    });
  }, []);
  const clear = useCallback(() => {
    sessionStorage.removeItem(KEY);
    setDraft(EMPTY_DRAFT);
  }, []);
  return { draft, change, clear };
}
