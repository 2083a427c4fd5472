// One operation: its steps, how far it has come, and why it failed or stuck.
import {
  Card,
  CardBody,
  CardTitle,
  Content,
  Gallery,
  ProgressStep,
  type ProgressStepProps,
  ProgressStepper,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { operationQuery } from "../../api/operations";
import type { Operation, OperationStep } from "../../api/types";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { OperationProgress } from "../../components/OperationProgress";
import { OperationVerbs } from "../../components/OperationVerbs";
import { ProblemAlert } from "../../components/ProblemAlert";
import { ResourceLinks } from "../../components/ResourceLink";
import { StateBadge } from "../../components/StateBadge";
import { words } from "../../lib/format";
import { isFinished, type Tone, toneOf } from "../../lib/tone";
import { useLive } from "../../live/LiveProvider";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";

const POLL_MS = 2_000;

export default function OperationPage(): ReactNode {
  const { operationId } = useParams({ from: "/operations/$operationId" });
  const live = useLive();
  const { data: operation, error } = useQuery({
    ...operationQuery(operationId),
    refetchInterval: ({ state }) =>
      live.phase !== "live" && state.data && !isFinished(state.data.state) ? POLL_MS : false,
  });
  return (
    <DetailPage
      parent={{ text: "Operations", link: paths.operations() }}
      title={operation?.kind}
      error={error}
      marks={
        operation && (
          <>
            <StateBadge family="operation" state={operation.state} />
            <span className="spring" />
            <OperationVerbs operation={operation} />
          </>
        )
      }
    >
      {operation && <Details operation={operation} />}
    </DetailPage>
  );
}

function Details({ operation }: { operation: Operation }) {
  return (
    <>
      {operation.error && (
        <ProblemAlert
          problem={operation.error}
          variant={operation.state === "needs_attention" ? "warning" : "danger"}
        />
      )}
      {operation.error_raw && (
        <Content>
          <p>The provider's own words:</p>
          <pre className="raw">{operation.error_raw}</pre>
        </Content>
      )}
      <Gallery hasGutter minWidths={{ default: "22rem" }} className="cards">
        <Facts title="Operation">
          <Item name="On">
            <ResourceLinks resources={operation.resources} />
          </Item>
          <Item name="Progress">
            <OperationProgress operation={operation} />
          </Item>
          <Item name="Asked for by">{operation.created_by}</Item>
          <Item name="Begun">
            <Age at={operation.created_at} ago />
          </Item>
          <Item name="Last moved">
            <Age at={operation.updated_at} ago />
          </Item>
          <Item name="Ended">
            {operation.finished_at ? <Age at={operation.finished_at} ago /> : "not yet"}
          </Item>
          <Item name="Id">
            <code>{operation.id}</code>
          </Item>
        </Facts>
        <Steps operation={operation} />
      </Gallery>
    </>
  );
}

/** Where a step stands, with what the server says besides. */
function told({ state, note }: OperationStep): string {
  const said =
    {
      failed_undone: "failed, and undone",
      not_undone: "cannot be undone",
      undo_failed: "undoing it failed",
    }[state] ?? words(state);
  return note ? `${said}: ${note}` : said;
}

function Steps({ operation: { progress, steps } }: { operation: Operation }) {
  return (
    <Card isCompact>
      <CardTitle component="h2">{`Steps (${progress.steps_done} of ${progress.steps_total})`}</CardTitle>
      <CardBody>
        <ProgressStepper isVertical aria-label="Steps">
          {steps.map((step, index) => (
            <ProgressStep
              // Steps never change place, and their names may repeat.
              // biome-ignore lint/suspicious/noArrayIndexKey: the position is the identity
              key={index}
              id={`step-${index}`}
              titleId={`step-${index}-title`}
              variant={VARIANTS[toneOf("step", step.state)]}
              isCurrent={toneOf("step", step.state) === "moving"}
              aria-label={`${words(step.name)}: ${told(step)}`}
              description={step.state === "done" ? undefined : told(step)}
            >
              {words(step.name)}
            </ProgressStep>
          ))}
        </ProgressStepper>
      </CardBody>
    </Card>
  );
}

/** How a step looks; one in a state that this does not know is neither done nor to be done. */
const VARIANTS: Record<Tone, ProgressStepProps["variant"]> = {
  good: "success",
  off: "pending",
  held: "warning",
  moving: "info",
  bad: "danger",
  unknown: "warning",
};
