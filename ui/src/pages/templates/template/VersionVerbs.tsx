// What can be done to a version: its state, and a new draft of it.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { keys } from "../../../api/query";
import { draftFrom, type Turn, turnVersion } from "../../../api/templates";
import type { Template, TemplateVersion } from "../../../api/types";
import { PermittedButton } from "../../../components/PermittedButton";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { turnsOf } from "../../../lib/templates";
import { ConfirmDialog } from "../../../primitives/ConfirmDialog";

const TEXT: Record<Turn, string> = {
  activate: "Activate",
  deprecate: "Deprecate",
  archive: "Archive",
};

const WHAT: Record<Turn, string> = {
  activate: "It can be deployed from then on, and never changes any more.",
  deprecate: "It can be deployed still, and who does is warned.",
  archive: "It can be deployed no more, for good. VMs made from it stay as they are.",
};

interface Props {
  template: Template;
  version: TemplateVersion;
  onVersion: (version: number) => void;
}

export function VersionVerbs({ template, version, onVersion }: Props) {
  const [asked, setAsked] = useState<Turn>();
  const queries = useQueryClient();
  const changed = () => {
    void queries.invalidateQueries({ queryKey: keys.lists("templates") });
    void queries.invalidateQueries({ queryKey: keys.item("templates", template.id) });
  };
  const draft = useMutation({
    mutationFn: () => draftFrom(template.id, version.number),
    onSuccess: (made) => {
      changed();
      onVersion(made.number);
    },
  });
  return (
    <>
      {turnsOf(version.state).map((turn) => (
        <PermittedButton
          key={turn}
          permission="template.manage"
          variant="secondary"
          refused={
            turn === "activate" && version.faults.length > 0
              ? "it has faults, see below"
              : undefined
          }
          onClick={() => setAsked(turn)}
        >
          {TEXT[turn]}
        </PermittedButton>
      ))}
      <PermittedButton
        permission="template.manage"
        variant="secondary"
        onClick={() => draft.mutate()}
      >
        New draft of it
      </PermittedButton>
      {draft.error && <ProblemAlert error={draft.error} doing="No draft was made" />}
      {asked && (
        <TurnDialog
          template={template}
          version={version}
          turn={asked}
          onDone={changed}
          onClose={() => setAsked(undefined)}
        />
      )}
    </>
  );
}

interface TurnProps {
  template: Template;
  version: TemplateVersion;
  turn: Turn;
  onDone: () => void;
  onClose: () => void;
}

function TurnDialog({ template, version, turn, onDone, onClose }: TurnProps) {
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => turnVersion(template.id, version.number, turn),
    onSuccess: () => {
      onDone();
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`${TEXT[turn]} version ${version.number} of ${template.name}?`}
      confirm={TEXT[turn]}
      danger={turn === "archive"}
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>{WHAT[turn]}</p>
      {error && <ProblemAlert error={error} doing="Nothing changed" />}
    </ConfirmDialog>
  );
}
