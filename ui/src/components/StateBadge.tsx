// A state as icon and word; colour only repeats what they say (nobody has to
// see colours). What is old or unknown is told, with what was seen last.
import {
  CheckCircleIcon,
  ExclamationCircleIcon,
  ExclamationTriangleIcon,
  InProgressIcon,
  PauseCircleIcon,
  PlayIcon,
  PowerOffIcon,
  QuestionCircleIcon,
} from "@patternfly/react-icons";
import type { ComponentType } from "react";
import type { VmStatus } from "../api/types";
import { bothTimes, words } from "../lib/format";
import { type Family, type Tone, toneOf } from "../lib/tone";
import { Tag, type TagColour } from "../primitives/Tag";

const LOOK: Record<Tone, { colour: TagColour; Icon: ComponentType }> = {
  good: { colour: "green", Icon: CheckCircleIcon },
  off: { colour: "grey", Icon: PowerOffIcon },
  held: { colour: "orange", Icon: PauseCircleIcon },
  moving: { colour: "blue", Icon: InProgressIcon },
  bad: { colour: "red", Icon: ExclamationCircleIcon },
  unknown: { colour: "purple", Icon: QuestionCircleIcon },
};

interface Props {
  /** Of VMs only where nothing tells how far the state can be trusted; else `VmStateBadge`. */
  family: Family;
  state: string;
  title?: string | null;
}

export function StateBadge({ family, state, title }: Props) {
  const { colour, Icon } = LOOK[toneOf(family, state)];
  const attention = state === "needs_attention" || state === "degraded";
  const runs = family === "vm" && state === "running";
  return (
    <Tag
      outline
      colour={colour}
      icon={attention ? <ExclamationTriangleIcon /> : runs ? <PlayIcon /> : <Icon />}
      title={title ?? undefined}
    >
      {words(state)}
    </Tag>
  );
}

/** A VM's state, how far it can be trusted, and what was seen last. */
export function VmStateBadge({ status }: { status: VmStatus }) {
  const { colour, Icon } = LOOK[toneOf("vm", status.state)];
  const seen = status.observed_at ? `seen ${bothTimes(status.observed_at)}` : "never seen";
  const title = `${words(status.state)}${status.reason ? `: ${status.reason}` : ""}; ${seen}`;
  return (
    <span className="state" title={title}>
      <Tag outline colour={colour} icon={status.state === "running" ? <PlayIcon /> : <Icon />}>
        {words(status.state)}
      </Tag>
      {status.state === "unknown" && status.last_seen ? (
        <small>was {words(status.last_seen)}</small>
      ) : status.quality !== "ok" ? (
        <small>{status.quality}</small>
      ) : null}
    </span>
  );
}
