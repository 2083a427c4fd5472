// The machine that an agent measures: a host of a provider, or one that nobody else has.
import { ExclamationCircleIcon } from "@patternfly/react-icons";
import { Link } from "@tanstack/react-router";
import type { Agent } from "../../api/types";
import { UNKNOWN } from "../../lib/format";
import { paths } from "../../paths";
import { Tag } from "../../primitives/Tag";

export function Machine({
  agent: { host, machine, joined, joined_reason: why },
}: {
  agent: Agent;
}) {
  if (host) return <Link {...paths.host(host.id, { tab: "metrics" })}>{host.name}</Link>;
  if (!machine) return UNKNOWN;
  if (joined === "unclear") {
    return (
      <span className="state-cell">
        {machine}
        <Tag outline colour="orange" icon={<ExclamationCircleIcon />} title={why ?? undefined}>
          unclear
        </Tag>
      </span>
    );
  }
  return <span title="no provider has this machine: it is told by itself">{machine}</span>;
}
