// Short news at the edge of the page, read aloud by screen readers. Errors stay
// until they are closed; good news goes by itself.
import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { problemOf } from "../api/errors";
import type { Problem } from "../api/types";
import { ProblemBody } from "./ProblemAlert";

interface Toast {
  id: number;
  title: string;
  body?: ReactNode;
  problem?: Problem;
}

interface Toaster {
  tell: (title: string, body?: ReactNode) => void;
  fail: (doing: string, error: unknown) => void;
}

/** More than this hide the page; the oldest go. */
const TOASTS_MAX = 5;
const TIMEOUT_MS = 5_000;

const ToastContext = createContext<Toaster>({ tell: () => {}, fail: () => {} });

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const add = useCallback((toast: Omit<Toast, "id">) => {
    setToasts((old) => [...old, { ...toast, id: (old.at(-1)?.id ?? 0) + 1 }].slice(-TOASTS_MAX));
  }, []);
  const remove = useCallback((id: number) => {
    setToasts((old) => old.filter((toast) => toast.id !== id));
  }, []);
  const toaster = useMemo<Toaster>(
    () => ({
      tell: (title, body) => add({ title, body }),
      fail: (doing, error) => {
        const problem = problemOf(error);
        add({ title: `${doing}: ${problem.title}`, problem });
      },
    }),
    [add],
  );
  return (
    <ToastContext value={toaster}>
      {children}
      <AlertGroup isToast isLiveRegion>
        {toasts.map(({ id, title, body, problem }) => (
          <Alert
            key={id}
            variant={problem ? "danger" : "success"}
            title={title}
            component="p"
            timeout={problem ? false : TIMEOUT_MS}
            onTimeout={() => remove(id)}
            actionClose={<AlertActionCloseButton onClose={() => remove(id)} />}
          >
            {problem ? <ProblemBody problem={problem} /> : body}
          </Alert>
        ))}
      </AlertGroup>
    </ToastContext>
  );
}

export function useToasts(): Toaster {
  return useContext(ToastContext);
}
