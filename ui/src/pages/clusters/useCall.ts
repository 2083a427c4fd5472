// One call at a time, with its failure. Not a mutation: those stay in the query cache for
// minutes with all that they were given, and a kubeconfig must not.
import { useCallback, useState } from "react";

export function useCall() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const call = useCallback(async <T>(work: () => Promise<T>, done: (answer: T) => void) => {
    setBusy(true);
    setError(undefined);
    try {
      done(await work());
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  }, []);
  const forget = useCallback(() => setError(undefined), []);
  return { busy, error, call, forget };
}
