// What will be of a VM, a host or a pool, as far as its history says: how full and how
// soon, what is unusual, what would fit; and of all that is not known, why.
import "../charts/charts.css";
import "./outlook.css";
import { Button, Skeleton, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import {
  ExclamationTriangleIcon,
  HourglassHalfIcon,
  InfoCircleIcon,
  SyncAltIcon,
} from "@patternfly/react-icons";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { isIncapable } from "../../api/errors";
import { isOld, type OutlookOf, outlookQuery } from "../../api/outlook";
import type { Outlook } from "../../api/types";
import { useNow } from "../../lib/clock";
import { quietReason } from "../../lib/outlook/missing";
import { DEFAULT_HORIZON, HORIZON_SECONDS, HORIZON_TEXT } from "../../lib/outlook/spans";
import { HORIZONS, type Horizon } from "../../lib/search";
import { Age } from "../../primitives/Age";
import { Tag } from "../../primitives/Tag";
import { ProblemAlert } from "../ProblemAlert";
import { Simulated } from "../Simulated";
import { OutlookAnomalies } from "./OutlookAnomalies";
import { OutlookForecasts } from "./OutlookForecasts";
import { OutlookMissing } from "./OutlookMissing";
import { OutlookQueries } from "./OutlookQueries";
import { OutlookResources } from "./OutlookResources";
import { OutlookSizes } from "./OutlookSizes";
import { OutlookTests } from "./OutlookTests";

interface Props {
  of: OutlookOf;
  id: string;
  /** As the URL says. */
  horizon: Horizon | undefined;
  onHorizon: (horizon: Horizon) => void;
}

export function OutlookPanel({ of, id, horizon = DEFAULT_HORIZON, onHorizon }: Props) {
  const query = outlookQuery(of, id, HORIZON_SECONDS[horizon]);
  const { data: outlook, error, isFetching, refetch } = useQuery(query);
  // Of what was asked for; what is computed by itself is announced to nobody.
  const [announced, setAnnounced] = useState("");
  const compute = async () => {
    setAnnounced("Computing the outlook anew");
    const { isError } = await refetch();
    setAnnounced(isError ? "Not computed anew" : "Computed anew");
  };
  return (
    <div className="board outlook" aria-busy={isFetching}>
      <div className="range-bar" role="toolbar" aria-label="Outlook">
        <span id="outlook-horizon">Look ahead</span>
        <ToggleGroup isCompact aria-labelledby="outlook-horizon">
          {HORIZONS.map((word) => (
            <ToggleGroupItem
              key={word}
              text={HORIZON_TEXT[word]}
              buttonId={`horizon-${word}`}
              isSelected={word === horizon}
              onChange={() => onHorizon(word)}
            />
          ))}
        </ToggleGroup>
        <div className="spring" />
        {outlook && <Computed outlook={outlook} />}
        <Button
          variant="secondary"
          size="sm"
          icon={<SyncAltIcon />}
          // It keeps the focus, and does nothing meanwhile.
          isAriaDisabled={isFetching}
          onClick={() => void compute()}
        >
          Compute anew
        </Button>
        <span role="status" className="pf-v6-screen-reader">
          {announced}
        </span>
      </div>
      {error && (
        <ProblemAlert
          error={error}
          doing={outlook ? "Cannot compute it anew" : "Cannot tell the outlook"}
          variant={outlook || isIncapable(error) ? "warning" : "danger"}
        />
      )}
      {!outlook && !error && <Skeleton height="12rem" screenreaderText="Computing the outlook" />}
      {outlook && <Told outlook={outlook} />}
    </div>
  );
}

/** When; marked where that is so long ago that nothing of it is of now. */
function Computed({ outlook: { computed_at: at, simulated } }: { outlook: Outlook }) {
  const now = useNow();
  return (
    <small>
      <Simulated when={simulated} /> computed <Age at={at} ago />{" "}
      {isOld(at, now) && (
        <Tag
          outline
          colour="orange"
          icon={<ExclamationTriangleIcon />}
          title="what it says of now was so when it was computed"
        >
          old
        </Tag>
      )}
    </small>
  );
}

function Told({ outlook }: { outlook: Outlook }) {
  const quiet = quietReason(outlook);
  return (
    <>
      {quiet && <Quiet reason={quiet} />}
      <OutlookResources outlook={outlook} />
      <OutlookAnomalies outlook={outlook} />
      <OutlookSizes outlook={outlook} />
      <OutlookForecasts outlook={outlook} />
      <OutlookTests outlook={outlook} />
      <OutlookMissing outlook={outlook} />
      <OutlookQueries outlook={outlook} />
    </>
  );
}

const QUIET = {
  young: {
    title: "There is not enough history yet to say what will be.",
    text:
      "An outlook is made from what was measured over hours, days and weeks. What is in use " +
      "is below, and after it what each answer waits for.",
  },
  unread: {
    title: "Not all that was measured could be read, so nothing is said of what comes.",
    text: "Why it could not is below.",
  },
  unmeasured: {
    title: "Nothing was measured of it lately, so nothing is said of what comes.",
    text: "Who would measure it, and when it last was, is below.",
  },
  unclear: {
    title: "What was measured says nothing of what comes.",
    text: "What is in use is below, and after it why there is no answer.",
  },
} as const;

/** Nothing is wrong: this is what the first days look like, and what is at rest. */
function Quiet({ reason }: { reason: keyof typeof QUIET }) {
  const { title, text } = QUIET[reason];
  return (
    <p className="outlook-note">
      {reason === "young" ? <HourglassHalfIcon /> : <InfoCircleIcon />}
      <span>
        <strong>{title}</strong> {text}
      </span>
    </p>
  );
}
