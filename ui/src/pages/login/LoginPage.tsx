// Logs in by link: the code stands behind `#`, where no server log or proxy sees
// it, and leaves the address bar before anything else happens.
import { Bullseye, Spinner } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import { LoggedOut } from "../../components/frame/LoggedOut";
import { ProblemAlert } from "../../components/ProblemAlert";
import { paths } from "../../paths";

export default function LoginPage(): ReactNode {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const tried = useRef(false);
  const { mutate, error, isIdle } = useMutation({
    mutationFn: (code: string) => body(client.POST("/api/v1/session", { body: { code } })),
    onSuccess: (session) => {
      queries.clear();
      queries.setQueryData(keys.session, session);
      void navigate({ ...paths.vms(), replace: true });
    },
  });
  useEffect(() => {
    const code = window.location.hash.slice(1);
    // A code works once; React may run an effect twice.
    if (code === "" || tried.current) return;
    tried.current = true;
    window.history.replaceState(window.history.state, "", "/login");
    mutate(code);
  }, [mutate]);

  if (error) {
    return (
      <LoggedOut>
        <ProblemAlert error={error} doing="Cannot log in" />
      </LoggedOut>
    );
  }
  if (isIdle && window.location.hash.length <= 1) return <LoggedOut />;
  return (
    <Bullseye>
      <Spinner aria-label="Logging in" />
    </Bullseye>
  );
}
