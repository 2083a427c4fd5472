// All that is known of an agent.
import { DescriptionList, Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { type ReactNode, useId } from "react";
import type { Agent } from "../../api/types";
import { Item } from "../../components/Facts";
import { StateBadge } from "../../components/StateBadge";
import { secondsText } from "../../lib/charts/units";
import { clockText, passAge } from "../../lib/collection";
import { localTime, UNKNOWN, words } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { PlainTable } from "../../primitives/PlainTable";
import { LastSeen } from "./LastSeen";
import { Machine } from "./Machine";
import { useNewest } from "./useNewest";

/** Whose the machine is. */
const JOINED: Record<string, string> = {
  host: "the host of a provider",
  alone: "no provider has it: it is told by itself",
  unclear: "nobody can tell which host it is",
  unknown: "not heard yet",
};

/** Why something that an agent said was not taken. */
const LEFT_OUT: Record<string, string> = {
  too_many: "more than is taken of one agent",
  invalid: "made no sense",
  twice: "told twice",
  not_its_own: "about things that it cannot tell of",
  unknown: "metrics that this server does not know",
};

function textOf(table: Record<string, string>, word: string): string {
  return (Object.hasOwn(table, word) ? table[word] : undefined) ?? words(word);
}

function whatItIs({ kind, state, heard_at: heard }: Agent): string {
  const what = kind === "own" ? "This server, on its own machine" : "Agent";
  return state !== "ok" && heard
    ? `${what}. What it told is as old as the time since it was last heard.`
    : what;
}

interface Props {
  agent: Agent;
  onClose: () => void;
}

/** Of an agent that was clicked, as it is now. */
export function NewestAgent({ agent, onClose }: Props) {
  const { row, ...seen } = useNewest("agents", agent);
  return <AgentDialog agent={row} note={<LastSeen {...seen} />} onClose={onClose} />;
}

export function AgentDialog({ agent, note, onClose }: Props & { note?: ReactNode }) {
  const id = useId();
  const left = Object.entries(agent.left_out).filter(([, much]) => much > 0);
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader title={agent.name} labelId={`${id}-title`} description={whatItIs(agent)} />
      <ModalBody className="rule">
        {note}
        <DescriptionList isHorizontal isCompact>
          <Item name="State">
            <StateBadge family="agent" state={agent.state} />
          </Item>
          {agent.reason && (
            <Item name="Why">
              <span className="breaks">{agent.reason}</span>
            </Item>
          )}
          <Item name="Asked at">
            <code className="breaks">{agent.address}</code>
          </Item>
          <Item name="Asked every">{secondsText(agent.interval_seconds)}</Item>
          <Item name="Heard">{agent.heard_at ? <Age at={agent.heard_at} ago /> : "never"}</Item>
          <Item name="Machine">
            <Machine agent={agent} /> <small>{textOf(JOINED, agent.joined)}</small>
            {agent.joined_reason && <p className="breaks">{agent.joined_reason}</p>}
          </Item>
          <Item name="Version">{agent.version ?? UNKNOWN}</Item>
          <Item name="Runs since">{localTime(agent.started_at)}</Item>
          <Item name="Its clock">{clockText(agent.clock_ahead_seconds)}</Item>
          <Item name="Left out">
            {left.length === 0
              ? "nothing"
              : left.map(([reason, much]) => (
                  <p key={reason}>
                    <strong className="refused">{much}</strong> {textOf(LEFT_OUT, reason)}
                  </p>
                ))}
          </Item>
        </DescriptionList>
        <PlainTable
          label="What it asks"
          rows={agent.sources}
          rowId={({ source, pass }) => `${source} ${pass}`}
          empty="It has not told whom it asks."
          columns={[
            { header: "Asks", cell: ({ source }) => source },
            { header: "For", cell: ({ pass }) => pass },
            { header: "Every", cell: ({ interval_seconds: every }) => secondsText(every) },
            { header: "Succeeded", cell: passAge },
            {
              header: "Why the last failed",
              cell: ({ failure, age_seconds: age }) =>
                failure ? (
                  <span className="refused breaks">{failure}</span>
                ) : age == null ? (
                  UNKNOWN
                ) : (
                  "it did not"
                ),
            },
          ]}
        />
      </ModalBody>
    </Modal>
  );
}
