// Makes a silence: of an alert, by as many of its labels as are wanted, or by matchers
// of one's own. Which alerts it would be about now is shown before there is one.
import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextArea,
} from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { body, client } from "../../api/client";
import { readWhole } from "../../api/query";
import type { Alert } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { SILENCE_TIMES, subjectOf } from "../../lib/alerts";
import { count, localTime } from "../../lib/format";
import { equalMatcher, fitting, matcherLines } from "../../lib/matchers";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { Comment } from "./Comment";
import { useReread } from "./useReread";

interface Props {
  /** The alert that it is made for; none: matchers are typed. */
  alert?: Alert;
  onClose: () => void;
}

export function SilenceDialog({ alert, onClose }: Props) {
  const id = useId();
  const [comment, setComment] = useState("");
  const [seconds, setSeconds] = useState(SILENCE_TIMES[0]?.seconds ?? 3_600);
  const all = Object.entries(alert?.labels ?? {});
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [typed, setTyped] = useState("");
  const matchers = alert
    ? all.filter(([name]) => !left.has(name)).map(([name, value]) => equalMatcher(name, value))
    : matcherLines(typed);
  const reread = useReread();
  const { tell } = useToasts();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(
        client.POST("/api/v1/silences", { body: { matchers, duration_seconds: seconds, comment } }),
      ),
    onSuccess: (silence) => {
      tell(`Silent until ${localTime(silence.ends_at)}`, silence.matchers.join(", "));
      reread();
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={alert ? `Silence ${alert.name}` : "Silence alerts"}
      confirm="Silence"
      busy={isPending}
      complete={matchers.length > 0 && comment.trim() !== ""}
      onConfirm={() => mutate()}
      onClose={onClose}
    >
      <p>They are shown and counted as before; receivers are not told of them.</p>
      {alert ? (
        <FormGroup role="group" label="Alerts with" fieldId={`${id}-labels`}>
          {all.map(([name, value]) => (
            <Checkbox
              key={name}
              id={`${id}-${name}`}
              label={<code className="breaks">{`${name}="${value}"`}</code>}
              isChecked={!left.has(name)}
              onChange={(_event, wanted) => {
                const next = new Set(left);
                if (wanted) next.delete(name);
                else next.add(name);
                setLeft(next);
              }}
            />
          ))}
        </FormGroup>
      ) : (
        <FormGroup label="Alerts with" fieldId={`${id}-matchers`} isRequired>
          <TextArea
            id={`${id}-matchers`}
            value={typed}
            isRequired
            rows={3}
            resizeOrientation="vertical"
            spellCheck={false}
            placeholder={'alertname="HostlerVmCrashed"\nvm=~"web-.*"'}
            onChange={(_event, text) => setTyped(text)}
          />
          <FormHelperText>
            <HelperText>
              <HelperTextItem>
                One matcher a line, all of which have to fit: =, !=, and =~, !~ for regular
                expressions.
              </HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
      )}
      <Preview matchers={matchers} />
      <FormGroup label="For" fieldId={`${id}-time`}>
        <FormSelect
          id={`${id}-time`}
          value={seconds}
          onChange={(_event, next) => setSeconds(Number(next))}
        >
          {SILENCE_TIMES.map(({ text, seconds }) => (
            <FormSelectOption key={seconds} value={seconds} label={text} />
          ))}
        </FormSelect>
      </FormGroup>
      <Comment label="Why" required value={comment} onChange={setComment} />
      {error && <ProblemAlert error={error} doing="Not silenced" />}
    </ConfirmDialog>
  );
}

/** As many are named as can be looked over. */
const NAMED_MAX = 5;

/** Which of the alerts there are now fit. */
function Preview({ matchers }: { matchers: readonly string[] }) {
  const queries = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ["alerts", "all"],
    queryFn: () => readWhole(queries, "alerts", {}),
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <section className="preview" aria-label="What it silences now" aria-live="polite">
      {error ? (
        <ProblemAlert error={error} doing="Cannot read which alerts there are" variant="warning" />
      ) : (
        data && matchers.length > 0 && <Fitting alerts={fitting(data, matchers)} />
      )}
    </section>
  );
}

function Fitting({ alerts }: { alerts: Alert[] | undefined }) {
  if (!alerts) return "Which alerts that fits this page cannot tell; the server will.";
  if (alerts.length === 0) return "No alert of now fits; those that come will be silent.";
  const more = alerts.length - NAMED_MAX;
  return (
    <>
      <strong>{count(alerts.length, "alert")}</strong> of now {alerts.length === 1 ? "fits" : "fit"}
      :
      <ul>
        {alerts.slice(0, NAMED_MAX).map(({ id, name, labels, summary }) => (
          <li key={id} title={summary}>
            {name} {subjectOf(labels)}
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
    </>
  );
}
