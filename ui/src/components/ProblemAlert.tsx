// An error as the server tells it: what, why, what to do, and the request's id
// to find it in the log. Nothing here reads the English text.
import { Alert, Content } from "@patternfly/react-core";
import { problemOf, problemText } from "../api/errors";
import type { Problem } from "../api/types";
import { Copy } from "../primitives/Copy";

interface Props {
  /** Anything that was thrown. */
  error?: unknown;
  problem?: Problem;
  /** What was being tried, for example `cannot start web-1`. */
  doing?: string;
  variant?: "danger" | "warning";
}

export function ProblemAlert({ error, problem, doing, variant = "danger" }: Props) {
  const shown = problem ?? problemOf(error);
  const title = doing ? `${doing}: ${shown.title}` : capital(shown.title);
  return (
    <Alert isInline variant={variant} title={title} component="p" data-code={shown.code}>
      <ProblemBody problem={shown} />
    </Alert>
  );
}

/** The lines of a problem below its title. */
export function ProblemBody({ problem }: { problem: Problem }) {
  // A single fault is often all that the detail says.
  const faults = (problem.errors ?? []).filter(({ detail }) => !problem.detail.includes(detail));
  return (
    <Content className="problem">
      {problem.detail && <p>{problem.detail}</p>}
      {faults.length > 0 && (
        <ul>
          {faults.map((fault) => (
            <li key={`${fault.pointer}${fault.code}${fault.detail}`}>
              <code>{fault.pointer || "document"}</code> {fault.detail}
            </li>
          ))}
        </ul>
      )}
      {problem.help && <p className="help">{problem.help}</p>}
      <p className="small">
        <code>{problem.code}</code>
        {problem.request_id && (
          <>
            {" · request "}
            <code>{problem.request_id}</code>
          </>
        )}{" "}
        <Copy text={problemText(problem)} label="Copy" />
      </p>
    </Content>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
