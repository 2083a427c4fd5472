// Sends a running VM to another host: the hosts of its provider with what speaks against each,
// or the provider chooses. How it goes on, the drawer of operations tells.
import { Alert, FormGroup, Radio, Skeleton } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { destinationsQuery, migrate } from "../../api/migrations";
import { keepOperation } from "../../api/operations";
import { keys } from "../../api/query";
import type { Destination, VmSummary } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";

export function MigrateDialog({ vm, onClose }: { vm: VmSummary; onClose: () => void }) {
  /** The id of a host; none: the provider chooses. */
  const [host, setHost] = useState<string>();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { tell } = useToasts();
  const found = useQuery(destinationsQuery(vm.id));
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () => migrate(vm.id, host),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      void queries.invalidateQueries({ queryKey: keys.lists("migrations") });
      tell(operation.note ? `${vm.name}: ${operation.note}` : `Migrate ${vm.name}: accepted`);
      onClose();
      void navigate({ to: ".", search: (old: object) => ({ ...old, ops: true as const }) });
    },
  });
  const { data } = found;
  const blocked = data?.blocked;
  return (
    <ConfirmDialog
      title={`Migrate ${vm.name}`}
      confirm="Migrate"
      busy={isPending}
      complete={data !== undefined && !blocked && (data.chosen_by_provider || host !== undefined)}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>
        It goes on running{vm.host && <> and leaves {vm.host.name}</>}. Until it has arrived, this
        can be cancelled, and it stays where it is.
      </p>
      {found.isPending && <Skeleton height="6rem" screenreaderText="Asking where it can go" />}
      {found.error && <ProblemAlert error={found.error} doing="Cannot ask where it can go" />}
      {blocked && (
        <Alert isInline component="p" variant="warning" title="It cannot be migrated">
          {blocked}
        </Alert>
      )}
      {data && !blocked && (
        <Choice
          hosts={data.hosts}
          isChosenThere={data.chosen_by_provider}
          host={host}
          onChoose={(next) => {
            setHost(next);
            reset();
          }}
        />
      )}
      {error && <ProblemAlert error={error} doing="Not migrated" />}
    </ConfirmDialog>
  );
}

interface ChoiceProps {
  hosts: readonly Destination[];
  /** Whether the provider finds one by itself. */
  isChosenThere: boolean;
  host: string | undefined;
  onChoose: (host: string | undefined) => void;
}

function Choice({ hosts, isChosenThere, host, onChoose }: ChoiceProps) {
  const id = useId();
  const isOpen = hosts.some(({ refused }) => !refused);
  return (
    <FormGroup role="radiogroup" label="Where to" fieldId={`${id}-any`}>
      <Radio
        id={`${id}-any`}
        name={`${id}-host`}
        label="Let the provider choose"
        description={
          !isChosenThere
            ? "It chooses none by itself: name one."
            : isOpen
              ? undefined
              : "Of the hosts that are known here, none would take it now."
        }
        isDisabled={!isChosenThere}
        isChecked={isChosenThere && host === undefined}
        onChange={() => onChoose(undefined)}
      />
      {hosts.map(({ host: to, refused }) => (
        <Radio
          key={to.id}
          id={`${id}-${to.id}`}
          name={`${id}-host`}
          label={to.name}
          description={refused ?? "Nothing is known against it; its provider decides."}
          isDisabled={refused != null}
          isChecked={host === to.id}
          onChange={() => onChoose(to.id)}
        />
      ))}
    </FormGroup>
  );
}
