// The snapshots of a VM as its provider tells them now, whoever took them: what grew from what,
// how each truly came out, and what is not in it.
import { Button, EmptyState, EmptyStateBody, Skeleton } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { isIncapable, problemOf } from "../../../../api/errors";
import { snapshotsQuery } from "../../../../api/snapshots";
import type { Snapshot, Vm } from "../../../../api/types";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { ReasonButton } from "../../../../components/ReasonButton";
import { useMissing } from "../../../../components/useMay";
import { words } from "../../../../lib/format";
import { notPutBackLive, notTakenLive, treeOf } from "../../../../lib/snapshots";
import { PlainTable } from "../../../../primitives/PlainTable";
import { refusal } from "../../actions";
import { columns } from "./columns";
import { DeleteSnapshot } from "./DeleteSnapshot";
import { RevertDialog } from "./RevertDialog";
import { TakeDialog } from "./TakeDialog";

type Asked = { what: "take" } | { what: "revert" | "delete"; snapshot: Snapshot };

export function Snapshots({ vm }: { vm: Vm }) {
  const [asked, setAsked] = useState<Asked>();
  const missing = useMissing("vm.snapshot");
  const { data, error, isPending, isFetching, refetch } = useQuery(snapshotsQuery(vm.id));
  const close = () => setAsked(undefined);
  if (isIncapable(error)) return <Unsupported vm={vm} error={error} />;
  return (
    <>
      <div className="list-head">
        <h2>Snapshots</h2>
        <div className="spring" />
        <Button variant="link" isDisabled={isFetching} onClick={() => void refetch()}>
          Look again
        </Button>
        <ReasonButton
          variant="secondary"
          size="sm"
          reason={missing ?? refusal(vm, "snapshot") ?? tooMany(vm, data) ?? notTakenLive(vm)}
          onClick={() => setAsked({ what: "take" })}
        >
          Take snapshot
        </ReasonButton>
      </div>
      {isPending && <Skeleton height="8rem" screenreaderText="Reading snapshots" />}
      {error && <ProblemAlert error={error} doing="Cannot read snapshots" />}
      {data && (
        <PlainTable
          label="Snapshots"
          rows={treeOf(data)}
          rowId={({ snapshot }) => snapshot.reference}
          empty="It has none. A snapshot keeps its disks as they are now, to go back to."
          columns={[
            ...columns,
            {
              header: "What can be done",
              cell: ({ snapshot }) => (
                <Verbs vm={vm} missing={missing} snapshot={snapshot} onAsk={setAsked} />
              ),
            },
          ]}
        />
      )}
      {asked?.what === "take" && <TakeDialog vm={vm} others={data ?? []} onClose={close} />}
      {asked?.what === "revert" && (
        <RevertDialog vm={vm} snapshot={asked.snapshot} onClose={close} />
      )}
      {asked?.what === "delete" && (
        <DeleteSnapshot vm={vm} snapshot={asked.snapshot} onClose={close} />
      )}
    </>
  );
}

/** Why it can have no more of them, if so. */
function tooMany({ snapshot_limits }: Vm, taken: readonly Snapshot[] = []): string | undefined {
  const max = snapshot_limits?.max_per_vm;
  return max != null && taken.length >= max
    ? `It has ${taken.length}, and can have ${max}`
    : undefined;
}

interface VerbsProps {
  vm: Vm;
  missing: string | undefined;
  snapshot: Snapshot;
  onAsk: (asked: Asked) => void;
}

function Verbs({ vm, missing, snapshot, onAsk }: VerbsProps): ReactNode {
  const { name, state } = snapshot;
  const unready = state === "ready" ? undefined : `it is ${words(state)}`;
  const going = state === "deleting" ? "it is being deleted" : undefined;
  return (
    <span className="buttons">
      <ReasonButton
        variant="link"
        size="sm"
        aria-label={`Go back to ${name}`}
        reason={missing ?? refusal(vm, "revert") ?? unready ?? notPutBackLive(vm)}
        onClick={() => onAsk({ what: "revert", snapshot })}
      >
        Go back
      </ReasonButton>
      <ReasonButton
        variant="link"
        size="sm"
        isDanger
        aria-label={`Delete ${name}`}
        reason={missing ?? refusal(vm, "delete_snapshot") ?? going}
        onClick={() => onAsk({ what: "delete", snapshot })}
      >
        Delete
      </ReasonButton>
    </span>
  );
}

function Unsupported({ vm, error }: { vm: Vm; error: unknown }) {
  const { detail, title } = problemOf(error);
  return (
    <EmptyState headingLevel="h2" titleText="No snapshots here" variant="sm">
      <EmptyStateBody>
        {vm.provider ? `The provider ${vm.provider.name}` : "Its provider"} lacks the group{" "}
        <code>snapshots</code>: {detail || title}
      </EmptyStateBody>
    </EmptyState>
  );
}
