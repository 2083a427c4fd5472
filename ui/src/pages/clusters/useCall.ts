// One call at a time, with its failure. Not a mutation: those stay in the query cache for
// minutes with all that they were given, and a kubeconfig must not.
import { useCallback, useRef, useState } from "react";

export function useCall() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  /** Counts what was asked; an answer to anything but the last is nobody's. */
  const asked = useRef(0);
  const call = useCallback(async <T>(work: () => Promise<T>, done: (answer: T) => void) => {
    asked.current += 1;
    const mine = asked.current;
    setBusy(true);
    setError(undefined);
    try {
      const answer = await work();
      if (mine === asked.current) done(answer);
    } catch (cause) {
      if (mine === asked.current) setError(cause);
    } finally {
      if (mine === asked.current) setBusy(false);
    }
  }, []);
  const forget = useCallback(() => setError(undefined), []);
  /** Gives up what is under way: its answer would be about something else than what is there. */
  const drop = useCallback(() => {
    asked.current += 1;
    setBusy(false);
    setError(undefined);
  }, []);
  return { busy, error, call, forget, drop };
}
