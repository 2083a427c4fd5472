// What making the VM would do, by the server's own check and placement, before
// anything is done; and the same request as a command or JSON.
import {
  ActionGroup,
  Button,
  Card,
  CardBody,
  CardTitle,
  Form,
  Skeleton,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { body, client } from "../../../api/client";
import { keepOperation } from "../../../api/operations";
import type { VmPlanned, VmRequest } from "../../../api/types";
import { ProblemAlert } from "../../../components/ProblemAlert";
import { useToasts } from "../../../components/Toasts";
import { cliText, jsonText } from "../../../lib/cliText";
import { words } from "../../../lib/format";
import { Code } from "../../../primitives/Code";
import { Copy } from "../../../primitives/Copy";

interface Props {
  request: VmRequest;
  onBack: () => void;
  onCreated: (vm: string | undefined) => void;
}

export function Review({ request, onBack, onCreated }: Props) {
  const queries = useQueryClient();
  const { tell } = useToasts();
  const plan = useQuery({
    queryKey: ["plan", request],
    queryFn: ({ signal }) => body(client.POST("/api/v1/vms/plan", { body: request, signal })),
    // Placement changes with the hosts; a plan is for now.
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const create = useMutation({
    mutationFn: () => body(client.POST("/api/v1/vms", { body: request })),
    onSuccess: (operation) => {
      keepOperation(queries, operation);
      tell(`Create ${request.spec.name}: accepted`);
      onCreated(operation.resources.find((resource) => resource.kind === "vm")?.id);
    },
  });
  return (
    <Form
      className="review"
      onSubmit={(event) => {
        event.preventDefault();
        if (plan.data) create.mutate();
      }}
    >
      {plan.isPending && <Skeleton height="10rem" screenreaderText="Asking the server" />}
      {plan.error && <ProblemAlert error={plan.error} doing="This cannot be made" />}
      {plan.data && <Plan plan={plan.data} />}
      <Card isCompact>
        <CardTitle component="h2">
          The same from a terminal <Copy text={cliText(request)} label="Copy as CLI" />{" "}
          <Copy text={jsonText(request)} label="Copy as JSON" />
        </CardTitle>
        <CardBody>
          <Code text={cliText(request)} label="Command" />
        </CardBody>
      </Card>
      {create.error && <ProblemAlert error={create.error} doing="Not created" />}
      <ActionGroup>
        <Button
          type="submit"
          variant="primary"
          isDisabled={!plan.data || create.isPending}
          isLoading={create.isPending}
        >
          Create
        </Button>
        <Button variant="secondary" onClick={onBack}>
          Back
        </Button>
      </ActionGroup>
    </Form>
  );
}

function Plan({ plan }: { plan: VmPlanned }) {
  return (
    <div className="plan">
      <Card isCompact>
        <CardTitle component="h2">Goes to {plan.host.name}</CardTitle>
        <CardBody>
          <p>
            Provider {plan.provider.name}.{" "}
            {plan.alternatives.length > 0
              ? `Would fit on ${plan.alternatives.map((host) => host.name).join(", ")} too.`
              : "No other host fits."}
          </p>
          {plan.refused.length > 0 && (
            <ul>
              {plan.refused.map(({ host, reasons }) => (
                <li key={host.id}>
                  <strong>{host.name}</strong> cannot take it: {reasons.join("; ")}
                </li>
              ))}
            </ul>
          )}
        </CardBody>
      </Card>
      <Card isCompact>
        <CardTitle component="h2">Would be there afterwards</CardTitle>
        <CardBody>
          <Code text={plan.changes.join("\n")} label="Changes" />
          <p>
            <small>Steps: {plan.steps.map(words).join(" → ")}</small>
          </p>
        </CardBody>
      </Card>
    </div>
  );
}
