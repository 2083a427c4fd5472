// A rule as it is written, and what becomes of it.
import { DescriptionList, Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import { useId } from "react";
import type { AlertRule } from "../../api/types";
import { Item } from "../../components/Facts";
import { secondsText } from "../../lib/charts/units";
import { paths } from "../../paths";
import { Code } from "../../primitives/Code";
import { LabelTags } from "./LabelTags";
import { Runbook } from "./Runbook";

/** What happens while there is nothing to compute with. */
const NO_DATA: Record<string, string> = {
  keep: "an alert that fires goes on firing, for an hour at most",
  ok: "the alert is over",
  firing: "it fires",
};

export function RuleDialog({ rule, onClose }: { rule: AlertRule; onClose: () => void }) {
  const id = useId();
  const { runbook_url: runbook, summary, description, ...texts } = rule.annotations;
  const { no_data: noData } = rule;
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={`${id}-title`}>
      <ModalHeader
        title={rule.name}
        labelId={`${id}-title`}
        description={`${rule.kind === "record" ? "Recording rule" : "Alert"} of the group ${rule.group}, from ${rule.source}`}
      />
      <ModalBody className="rule">
        <Code text={rule.expression} label="Expression" />
        {rule.reason && <p className="refused">{rule.reason}</p>}
        <DescriptionList isHorizontal isCompact>
          <Item name="Evaluated every">{secondsText(rule.interval_seconds)}</Item>
          {rule.for_seconds != null && (
            <Item name="Fires after">{secondsText(rule.for_seconds)}</Item>
          )}
          {rule.keep_firing_for_seconds ? (
            <Item name="Goes on for">{secondsText(rule.keep_firing_for_seconds)}</Item>
          ) : null}
          {noData && (
            <Item name="Without data">
              {(Object.hasOwn(NO_DATA, noData) ? NO_DATA[noData] : undefined) ?? noData}
            </Item>
          )}
          <Item name="Adds labels">
            <LabelTags labels={rule.labels} />
          </Item>
          {summary && <Item name="Summary">{summary}</Item>}
          {description && <Item name="Description">{description}</Item>}
          {runbook && (
            <Item name="Runbook">
              <Runbook url={runbook} />
            </Item>
          )}
          {Object.entries(texts).map(([name, text]) => (
            <Item key={name} name={name}>
              {text}
            </Item>
          ))}
          {rule.kind === "alert" && (
            <Item name="Alerts">
              <Link {...paths.alerts({ search: rule.name })}>
                {rule.firing} firing, {rule.pending} pending
              </Link>
            </Item>
          )}
        </DescriptionList>
      </ModalBody>
    </Modal>
  );
}
