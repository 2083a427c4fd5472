// An alert's state, severity and who cares for it, and what happened to it: icon and
// word, as everywhere.
import {
  BellIcon,
  BellSlashIcon,
  CheckCircleIcon,
  ExclamationCircleIcon,
  ExclamationTriangleIcon,
  InfoCircleIcon,
  QuestionCircleIcon,
  UserCheckIcon,
} from "@patternfly/react-icons";
import type { ComponentType } from "react";
import type { Alert } from "../../api/types";
import { alertTone, careOf, changeText, changeTone, severityTone } from "../../lib/alerts";
import type { Tone } from "../../lib/tone";
import { Tag, type TagColour } from "../../primitives/Tag";

export const COLOURS: Record<Tone, TagColour> = {
  good: "green",
  off: "grey",
  held: "orange",
  moving: "blue",
  bad: "red",
  unknown: "purple",
};

export function AlertState({ alert }: { alert: Alert }) {
  const care = careOf(alert);
  return (
    <span className="labels wrap">
      <Tag outline colour={COLOURS[alertTone(alert)]} icon={<BellIcon />}>
        {alert.state}
      </Tag>
      {care && (
        <Tag
          outline
          icon={care === "acknowledged" ? <UserCheckIcon /> : <BellSlashIcon />}
          title={care}
        >
          <span className="cut-short">{care}</span>
        </Tag>
      )}
      {alert.no_data_since && (
        <Tag outline colour="purple" title="no data: nobody knows whether it is over">
          <span className="cut-short">no data</span>
        </Tag>
      )}
    </span>
  );
}

const SEVERITY_ICON: Partial<Record<Tone, ComponentType>> = {
  bad: ExclamationCircleIcon,
  held: ExclamationTriangleIcon,
};

export function Severity({ severity }: { severity: string | null | undefined }) {
  if (!severity) return <span className="absent">none</span>;
  const tone = severityTone(severity);
  const Icon = SEVERITY_ICON[tone] ?? InfoCircleIcon;
  return (
    <Tag outline colour={COLOURS[tone]} icon={<Icon />}>
      {severity}
    </Tag>
  );
}

const CHANGE_ICON: Record<Tone, ComponentType> = {
  good: CheckCircleIcon,
  off: InfoCircleIcon,
  held: UserCheckIcon,
  moving: BellIcon,
  bad: BellIcon,
  unknown: QuestionCircleIcon,
};

export function Change({ change, cause }: { change: string; cause?: string | null }) {
  const tone = changeTone(change, cause);
  const Icon = CHANGE_ICON[tone];
  return (
    <Tag outline colour={COLOURS[tone]} icon={<Icon />}>
      {changeText(change, cause)}
    </Tag>
  );
}
