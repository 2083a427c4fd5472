// Says what became of a console's connection and what can be done about it.
import { Alert, AlertActionLink } from "@patternfly/react-core";
import { ApiError } from "../../../../api/errors";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import type { ConsoleState } from "./useConsole";

/** Somebody else has it: known to this server, or only to the provider. */
const BUSY: readonly string[] = ["console_busy", "provider_conflict"];

interface Props {
  state: ConsoleState;
  onConnect: (takeOver?: boolean) => void;
}

export function ConsoleBanner({ state, onConnect }: Props) {
  if (state.phase === "open") return null;
  if (state.phase === "idle") {
    return (
      <Alert
        isInline
        variant="warning"
        component="p"
        title="Opening the serial line cuts off whoever has it outside Hostler."
        actionLinks={<AlertActionLink onClick={() => onConnect()}>Connect</AlertActionLink>}
      >
        Its provider does not tell whether somebody has, for example by virtctl.
      </Alert>
    );
  }
  if (state.phase === "opening") {
    return <Alert isInline isPlain variant="info" title="Connecting …" component="p" />;
  }
  const again = <AlertActionLink onClick={() => onConnect()}>Connect again</AlertActionLink>;
  const takeOver = <AlertActionLink onClick={() => onConnect(true)}>Take over</AlertActionLink>;
  if (state.phase === "taken") {
    return (
      <Alert
        isInline
        variant="warning"
        component="p"
        title={state.reason}
        actionLinks={
          <>
            {takeOver}
            {again}
          </>
        }
      >
        Taking over disconnects them.
      </Alert>
    );
  }
  if (state.phase === "lost") {
    return (
      <Alert
        isInline
        variant="warning"
        component="p"
        title={state.reason}
        actionLinks={
          <>
            {again}
            {takeOver}
          </>
        }
      >
        {state.again ? "Connecting again …" : "It is not tried any more by itself."}
      </Alert>
    );
  }
  const busy = state.error instanceof ApiError && BUSY.includes(state.error.code);
  return (
    <>
      <ProblemAlert error={state.error} doing="Cannot open the console" variant="warning" />
      <p className="console-links">{busy ? takeOver : again}</p>
    </>
  );
}
