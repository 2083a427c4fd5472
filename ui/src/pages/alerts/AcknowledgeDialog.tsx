// Somebody takes an alert into care, and may say what they are doing about it.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import type { Alert } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { Comment } from "./Comment";
import { useReread } from "./useReread";

export function AcknowledgeDialog({ alert, onClose }: { alert: Alert; onClose: () => void }) {
  const [comment, setComment] = useState("");
  const reread = useReread();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/alerts/{alert}/acknowledge", {
          params: { path: { alert: alert.id } },
          body: { comment },
        }),
      ),
    onSuccess: () => {
      tell(`${alert.name} is acknowledged`);
      reread();
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Acknowledge ${alert.name}`}
      confirm="Acknowledge"
      busy={isPending}
      onConfirm={() => mutate()}
      onClose={onClose}
    >
      <p>{alert.summary}</p>
      <p>
        You care for it: nobody is told of it again until it is over, and that it is over is told.
      </p>
      <Comment label="Comment" value={comment} onChange={setComment} />
      {error && <ProblemAlert error={error} doing="Not acknowledged" />}
    </ConfirmDialog>
  );
}
