// All that is known of an output since the server started.
import { DescriptionList, Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { type ReactNode, useId } from "react";
import type { OutputStatus } from "../../api/types";
import { Item } from "../../components/Facts";
import { StateBadge } from "../../components/StateBadge";
import { lostOf, waitingText } from "../../lib/collection";
import { bytes, count, localTime, whole, words } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { LastSeen } from "./LastSeen";
import { useNewest } from "./useNewest";

interface Props {
  output: OutputStatus;
  onClose: () => void;
}

/** Of an output that was clicked, as it is now. */
export function NewestOutput({ output, onClose }: Props) {
  const { row, ...seen } = useNewest("outputs", output);
  return <OutputDialog output={row} note={<LastSeen {...seen} />} onClose={onClose} />;
}

export function OutputDialog({ output, note, onClose }: Props & { note?: ReactNode }) {
  const id = useId();
  const { waiting, last_refusal: refusal } = output;
  const lost = lostOf(output);
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader
        title={output.name}
        labelId={`${id}-title`}
        description={`${words(output.kind)}; what is counted is counted since the server started`}
      />
      <ModalBody className="rule">
        {note}
        <DescriptionList isHorizontal isCompact>
          <Item name="State">
            <StateBadge family="output" state={output.state} />
            {output.failing_since && (
              <>
                {" since "}
                {localTime(output.failing_since)}
              </>
            )}
          </Item>
          {output.reason && (
            <Item name="Why">
              <span className="breaks">{output.reason}</span>
            </Item>
          )}
          {output.next_try_at && <Item name="Next try">{localTime(output.next_try_at)}</Item>}
          <Item name="Server">
            <code className="breaks">{output.target}</code>
          </Item>
          <Item name="Arrived">
            {count(output.sent, "sample")}
            {output.sent_at ? (
              <>
                , last <Age at={output.sent_at} ago />
              </>
            ) : null}
          </Item>
          <Item name="Waiting">
            {waitingText(output)}
            {waiting.samples > 0 && `; ${bytes(waiting.bytes)} on the disk`}
          </Item>
          <Item name="Tries that failed">{whole(output.failed_tries)}</Item>
          <Item name="Lost">
            {lost.total === 0
              ? "nothing"
              : lost.reasons.map(({ reason, text, samples }) => (
                  <p key={reason}>
                    <strong className="refused">{whole(samples)}</strong> {text}
                  </p>
                ))}
          </Item>
          {output.dropped.unsupported > 0 && (
            <Item name="Not told by this protocol">
              {count(output.dropped.unsupported, "sample")}, infinite values for example
            </Item>
          )}
          {refusal && (
            <Item name="Refused last">
              <span className="breaks">{refusal.reason}</span>
              <small className="asked">
                {count(refusal.samples, "sample")}, <Age at={refusal.at} ago />
              </small>
            </Item>
          )}
        </DescriptionList>
      </ModalBody>
    </Modal>
  );
}
