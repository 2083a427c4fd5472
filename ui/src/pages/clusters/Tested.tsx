// What a cluster told by a kubeconfig that was tried.
import { Alert } from "@patternfly/react-core";
import type { ClusterTested } from "../../api/types";
import { count, UNKNOWN, words } from "../../lib/format";
import { Reasons } from "./Reasons";

export function Tested({ tested }: { tested: ClusterTested }) {
  const { usable, health, server, context, capabilities, reasons } = tested;
  const on = capabilities?.enabled_features.length;
  return (
    <Alert
      isInline
      component="p"
      variant={!usable ? "danger" : health === "healthy" ? "success" : "warning"}
      title={
        usable
          ? `It can be used; the cluster is ${words(health)}`
          : `It cannot be used: the cluster is ${words(health)}`
      }
    >
      <p>
        <code>{server}</code>, context <code>{context}</code>, asking took{" "}
        {tested.took_seconds.toFixed(1)} s; version {capabilities?.version ?? UNKNOWN},{" "}
        {on === undefined ? "features unknown" : `${count(on, "feature")} on`}
      </p>
      {reasons.length > 0 && <Reasons reasons={reasons} />}
    </Alert>
  );
}
