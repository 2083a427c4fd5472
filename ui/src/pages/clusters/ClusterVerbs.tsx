// What can be done with a cluster, for who may: another kubeconfig, and removing it.
import { useState } from "react";
import { removeCluster } from "../../api/clusters";
import { keys } from "../../api/query";
import type { Cluster } from "../../api/types";
import { ClusterRemoved } from "../../components/ClusterRemoved";
import { PermittedButton } from "../../components/PermittedButton";
import { RemoveDialog } from "../../components/RemoveDialog";
import { notRemovable, notRotatable } from "../../lib/clusters";
import { KubeconfigDialog } from "./KubeconfigDialog";

interface Props {
  cluster: Cluster;
  onRemoved?: () => void;
}

export function ClusterVerbs({ cluster, onRemoved }: Props) {
  const [asked, setAsked] = useState<"rotate" | "remove">();
  const close = () => setAsked(undefined);
  return (
    <>
      <PermittedButton
        permission="provider.manage"
        refused={notRotatable(cluster)}
        variant="link"
        size="sm"
        aria-label={`Rotate the kubeconfig of ${cluster.name}`}
        onClick={() => setAsked("rotate")}
      >
        Rotate
      </PermittedButton>
      <PermittedButton
        permission="provider.manage"
        refused={notRemovable(cluster)}
        variant="link"
        isDanger
        size="sm"
        aria-label={`Remove ${cluster.name}`}
        onClick={() => setAsked("remove")}
      >
        Remove
      </PermittedButton>
      {asked === "rotate" && <KubeconfigDialog cluster={cluster} onClose={close} />}
      {asked === "remove" && (
        <RemoveDialog
          title={`Remove ${cluster.name}?`}
          confirm="Remove"
          list={keys.lists("clusters")}
          remove={async () => {
            await removeCluster(cluster.id);
            onRemoved?.();
          }}
          onClose={close}
        >
          <ClusterRemoved />
        </RemoveDialog>
      )}
    </>
  );
}
