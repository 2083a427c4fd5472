// Whom an agent asks, as far as a row of a table has room: what fails is seen whatever else
// there is.
import { CheckCircleIcon, ExclamationCircleIcon, InProgressIcon } from "@patternfly/react-icons";
import type { Agent } from "../../api/types";
import { type SourceHealth, sourcesOf } from "../../lib/collection";
import { UNKNOWN } from "../../lib/format";
import { Tag } from "../../primitives/Tag";

export function Sources({ agent }: { agent: Pick<Agent, "state" | "sources"> }) {
  const sources = sourcesOf(agent);
  const failing = sources.filter(({ health }) => health === "fails");
  const [worst, ...rest] = sources;
  if (!worst) return UNKNOWN;
  if (failing.length > 1) {
    const why = failing.map(({ source, failure }) => `${source}: ${failure}`).join("; ");
    return (
      <Tag outline colour="red" icon={<ExclamationCircleIcon />} title={why}>
        {failing.length} of {sources.length} fail
      </Tag>
    );
  }
  return (
    <span className="labels">
      <SourceTag {...worst} />
      {worst.health === "fails"
        ? rest.length > 0 && <Tag title={rest.map(inWords).join(", ")}>+{rest.length}</Tag>
        : rest.map((source) => <SourceTag key={source.source} {...source} />)}
    </span>
  );
}

function inWords({ source, health }: SourceHealth): string {
  return health === "ok" ? `${source}: ok` : `${source}: has not answered yet`;
}

function SourceTag({ source, health, failure }: SourceHealth) {
  switch (health) {
    case "fails":
      return (
        <Tag outline colour="red" icon={<ExclamationCircleIcon />} title={failure}>
          {source} fails
        </Tag>
      );
    case "waits":
      return (
        <Tag outline icon={<InProgressIcon />} title="it has not answered yet">
          {source}
        </Tag>
      );
    case "unheard":
      return (
        <Tag outline title="the agent is not heard: nobody knows how this goes now">
          {source}
        </Tag>
      );
    default:
      return (
        <Tag outline colour="green" icon={<CheckCircleIcon />}>
          {source}
        </Tag>
      );
  }
}
