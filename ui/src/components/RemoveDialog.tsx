// Asks before something is removed, removes it, and says what the server said
// where it is not; the list it stood in is read again.
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ConfirmDialog } from "../primitives/ConfirmDialog";
import { ProblemAlert } from "./ProblemAlert";

interface Props {
  title: string;
  /** What the button says. */
  confirm: "Delete" | "Remove" | "End" | "Release";
  /** What has to be typed first, where data is lost. */
  typed?: string;
  /** The lists that it is in. */
  list: QueryKey;
  remove: () => Promise<unknown>;
  onClose: () => void;
  /** What goes with it, and what stays. */
  children: ReactNode;
}

const NOT_DONE = {
  Delete: "Not deleted",
  Remove: "Not removed",
  End: "Not ended",
  Release: "Not released",
} as const;

export function RemoveDialog({ title, confirm, typed, list, remove, onClose, children }: Props) {
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: remove,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: list });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={title}
      confirm={confirm}
      danger
      typed={typed}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>{children}</p>
      {error && <ProblemAlert error={error} doing={NOT_DONE[confirm]} />}
    </ConfirmDialog>
  );
}
