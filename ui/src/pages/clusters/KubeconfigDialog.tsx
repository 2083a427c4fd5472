// Adds a cluster by its kubeconfig, or gives one another. It is tried first, and what the
// cluster says stands there before anything is kept; a change of what is given asks for
// another try.
import { Button } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { addCluster, rotateKubeconfig, testKubeconfig } from "../../api/clusters";
import { keys } from "../../api/query";
import type { Cluster, ClusterTested } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { TextField } from "../../components/TextField";
import { useToasts } from "../../components/Toasts";
import { beginWith, countFaultOf, faultOf, kubeconfigOf, rotationOf } from "../../lib/kubeconfig";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import { KubeconfigFields } from "./KubeconfigFields";
import { Tested } from "./Tested";
import { useCall } from "./useCall";

interface Props {
  /** Whose kubeconfig is replaced; none: a cluster is added. */
  cluster?: Cluster;
  onClose: () => void;
}

export function KubeconfigDialog({ cluster, onClose }: Props) {
  const [name, setName] = useState("");
  const [given, setGiven] = useState(() => beginWith(cluster?.kubeconfig));
  const [tested, setTested] = useState<ClusterTested>();
  const trial = useCall();
  const keep = useCall();
  const queries = useQueryClient();
  const { tell } = useToasts();
  const isGiven = given.text.trim() !== "" && (faultOf(given) ?? countFaultOf(given)) === undefined;
  const test = () => trial.call(() => testKubeconfig(kubeconfigOf(given)), setTested);
  const save = () => {
    const work = () =>
      cluster
        ? rotateKubeconfig(cluster.id, rotationOf(given, tested))
        : addCluster(name, kubeconfigOf(given));
    return keep.call(work, (kept) => {
      void queries.invalidateQueries({ queryKey: keys.lists("clusters") });
      void queries.invalidateQueries({ queryKey: keys.lists("providers") });
      void queries.invalidateQueries({ queryKey: keys.item("clusters", kept.id) });
      tell(
        cluster
          ? `Cluster ${kept.name} is reached by another kubeconfig`
          : `Cluster ${kept.name} added; it is asked from now on`,
      );
      onClose();
    });
  };
  const asIs = tested !== undefined && !tested.usable;
  return (
    <ConfirmDialog
      title={cluster ? `Give ${cluster.name} another kubeconfig` : "Add cluster"}
      // One that does not answer yet can be added, but it replaces nothing.
      confirm={cluster ? "Replace" : asIs ? "Add all the same" : "Add"}
      busy={keep.busy}
      complete={
        isGiven && tested !== undefined && !trial.busy && (cluster ? tested.usable : name !== "")
      }
      onClose={onClose}
      onConfirm={() => void save()}
    >
      {!cluster && (
        <TextField
          required
          label="Name"
          value={name}
          help="Unique among providers."
          onChange={(text) => {
            setName(text.trim());
            keep.forget();
          }}
        />
      )}
      <KubeconfigFields
        given={given}
        onChange={(part) => {
          setGiven((old) => ({ ...old, ...part }));
          setTested(undefined);
          // What was being tried is not what stands there now.
          trial.drop();
          keep.forget();
        }}
      />
      <div>
        <Button
          variant="secondary"
          isDisabled={!isGiven || trial.busy}
          isLoading={trial.busy}
          onClick={() => void test()}
        >
          Test
        </Button>{" "}
        <small>{cluster ? "Nothing changes by that." : "Nothing is kept by that."}</small>
      </div>
      <div role="status">{tested && <Tested tested={tested} />}</div>
      {trial.error !== undefined && <ProblemAlert error={trial.error} doing="Not tested" />}
      {keep.error !== undefined && (
        <ProblemAlert error={keep.error} doing={cluster ? "Not replaced" : "Not added"} />
      )}
    </ConfirmDialog>
  );
}
