// One alert: what is wrong, since when, who cares for it, what happened to it, and its
// rule's expression over time. One that is over still has its past.
import { Gallery } from "@patternfly/react-core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { alertQuery, isOver } from "../../api/alerts";
import { body, client } from "../../api/client";
import type { Alert, AlertEntry } from "../../api/types";
import { DetailPage } from "../../components/DetailPage";
import { Facts, Item } from "../../components/Facts";
import { PermittedButton } from "../../components/PermittedButton";
import { useToasts } from "../../components/Toasts";
import { vmOf } from "../../lib/alerts";
import { si } from "../../lib/charts/units";
import { UNKNOWN } from "../../lib/format";
import type { Labels } from "../../lib/matchers";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { Tag } from "../../primitives/Tag";
import { AcknowledgeDialog } from "./AcknowledgeDialog";
import { AlertState, Change, Severity } from "./AlertMarks";
import { type AlertVerb, refusal } from "./AlertMenu";
import { AlertHistory, useAlertHistory } from "./History";
import { LabelTags } from "./LabelTags";
import { Rule } from "./Rule";
import { Runbook } from "./Runbook";
import { SilenceDialog } from "./SilenceDialog";
import { useReread } from "./useReread";

export default function AlertPage(): ReactNode {
  const { alertId } = useParams({ from: "/alerts/$alertId" });
  const { data, error } = useQuery(alertQuery(alertId));
  const history = useAlertHistory(alertId);
  const over = isOver(error);
  // What was read before it was over is its past.
  const alert = over ? undefined : data;
  const last = history.rows[0];
  const name = alert?.name ?? (over ? last?.name : undefined);
  // While its past is being read, nobody can tell whether there ever was such an alert.
  const isOddError = over ? !history.pending && !last : error !== null;
  return (
    <DetailPage
      parent={{ text: "Alerts", link: paths.alerts() }}
      title={name}
      error={isOddError ? error : undefined}
      marks={
        alert ? (
          <>
            <AlertState alert={alert} />
            <Severity severity={alert.severity} />
          </>
        ) : (
          over && last && <Tag outline>not firing now</Tag>
        )
      }
    >
      {alert && <Present alert={alert} />}
      {over && last && <Past last={last} />}
      {name !== undefined && <AlertHistory history={history} />}
      {alert && <Rule alert={alert} />}
    </DetailPage>
  );
}

function Present({ alert }: { alert: Alert }) {
  return (
    <>
      <p>{alert.summary}</p>
      {alert.description && <p className="description">{alert.description}</p>}
      <Verbs alert={alert} />
      <Gallery hasGutter minWidths={{ default: "min(22rem, 100%)" }} className="cards">
        <Facts title="Alert">
          <Times alert={alert} />
          <Item name="Value">{alert.value == null ? UNKNOWN : si(alert.value)}</Item>
          <Item name="Runbook">
            <Runbook url={alert.runbook_url} />
          </Item>
          <About labels={alert.labels} />
          {Object.entries(alert.annotations ?? {}).map(([name, text]) => (
            <Item key={name} name={name}>
              {text}
            </Item>
          ))}
        </Facts>
        <Facts title="Who is told">
          <Care alert={alert} />
        </Facts>
      </Gallery>
    </>
  );
}

function Times({ alert }: { alert: Alert }) {
  return (
    <>
      <Item name="Holds since">
        <Age at={alert.active_since} ago />
      </Item>
      <Item name="Fires since">
        {alert.firing_since ? <Age at={alert.firing_since} ago /> : "not yet"}
      </Item>
      {alert.no_data_since && (
        <Item name="No data">
          since <Age at={alert.no_data_since} />: nobody knows whether it is over; last it held{" "}
          <Age at={alert.held_at} ago />
        </Item>
      )}
      {alert.over_since && (
        <Item name="Holds no more">
          since <Age at={alert.over_since} />; its rule has it fire for a while all the same
        </Item>
      )}
    </>
  );
}

function About({ labels }: { labels: Labels }) {
  const vm = vmOf(labels);
  return (
    <>
      {vm && (
        <Item name="VM">
          <Link {...paths.vm(vm, { tab: "metrics" })}>{labels.vm || vm}</Link>
        </Item>
      )}
      <Item name="Labels">
        <LabelTags labels={labels} />
      </Item>
    </>
  );
}

function Care({ alert }: { alert: Alert }) {
  const seen = alert.acknowledged;
  const silences = alert.silenced_by.length;
  return (
    <>
      <Item name="Acknowledged">
        {seen ? (
          <>
            by {seen.by}, <Age at={seen.at} ago />
            {seen.comment && `: ${seen.comment}`}
          </>
        ) : (
          "by nobody"
        )}
      </Item>
      <Item name="Silenced">
        {silences > 0 ? (
          <Link {...paths.alerts({ tab: "silences", state: "active" })}>
            by {silences === 1 ? "a silence" : `${silences} silences`}
          </Link>
        ) : (
          "no"
        )}
      </Item>
      <Item name="Held back">
        {alert.inhibited_by ? (
          <Link {...paths.alert(alert.inhibited_by)}>while another alert fires</Link>
        ) : (
          "no"
        )}
      </Item>
      <Item name="Goes to">
        {alert.receivers.length > 0 ? (
          <Link {...paths.alerts({ tab: "receivers" })}>{alert.receivers.join(", ")}</Link>
        ) : (
          "nobody: no receiver is routed"
        )}
      </Item>
    </>
  );
}

/** What is known of one that is over. */
function Past({ last }: { last: AlertEntry }) {
  return (
    <>
      <p>{last.summary}</p>
      <Gallery hasGutter minWidths={{ default: "min(22rem, 100%)" }} className="cards">
        <Facts title="Alert">
          <Item name="Last">
            <Change change={last.change} cause={last.cause} /> <Age at={last.at} ago />
          </Item>
          <About labels={last.labels} />
        </Facts>
      </Gallery>
    </>
  );
}

function Verbs({ alert }: { alert: Alert }) {
  const [asked, setAsked] = useState<AlertVerb>();
  const reread = useReread();
  const { fail } = useToasts();
  const { mutate, isPending } = useMutation({
    mutationFn: () => {
      const path = { alert: alert.id };
      return body(client.POST("/api/v1/alerts/{alert}/unacknowledge", { params: { path } }));
    },
    onSuccess: reread,
    onError: (error) => fail("Still acknowledged", error),
  });
  const close = () => setAsked(undefined);
  return (
    <div className="vm-head">
      {alert.acknowledged ? (
        <PermittedButton
          permission="alert.manage"
          variant="secondary"
          isLoading={isPending}
          onClick={() => mutate()}
        >
          Take back the acknowledgement
        </PermittedButton>
      ) : (
        <PermittedButton
          permission="alert.manage"
          variant="secondary"
          refused={refusal(alert)}
          onClick={() => setAsked("acknowledge")}
        >
          Acknowledge
        </PermittedButton>
      )}
      <PermittedButton
        permission="alert.manage"
        variant="secondary"
        onClick={() => setAsked("silence")}
      >
        Silence
      </PermittedButton>
      {asked === "acknowledge" && <AcknowledgeDialog alert={alert} onClose={close} />}
      {asked === "silence" && <SilenceDialog alert={alert} onClose={close} />}
    </div>
  );
}
