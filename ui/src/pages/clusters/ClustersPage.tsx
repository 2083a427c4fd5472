// All clusters: how each is and why, how old that is, and the way to add one.
import { type ReactNode, useState } from "react";
import { CLUSTER_POLL_MS } from "../../api/clusters";
import type { Cluster } from "../../api/types";
import { Permitted } from "../../components/Permitted";
import { PermittedButton } from "../../components/PermittedButton";
import { SimpleListPage } from "../../components/SimpleListPage";
import { WORD_WIDTH } from "../../primitives/DataTable";
import { ClusterVerbs } from "./ClusterVerbs";
import { columns } from "./columns";
import { KubeconfigDialog } from "./KubeconfigDialog";

export default function ClustersPage(): ReactNode {
  const [adding, setAdding] = useState(false);
  return (
    <Permitted permission="infra.read" what="clusters">
      <SimpleListPage
        name="clusters"
        route="/clusters"
        title="Clusters"
        nouns={["cluster", "clusters"]}
        columns={columns}
        defaultSort="name"
        poll={CLUSTER_POLL_MS}
        first={
          <>
            Add one by its kubeconfig: <b>Add cluster</b>, or <code>hostler cluster add</code>.
            Nothing in the cluster is changed by that.
          </>
        }
        actions={
          <PermittedButton permission="provider.manage" onClick={() => setAdding(true)}>
            Add cluster
          </PermittedButton>
        }
        menuWidth={2 * WORD_WIDTH}
        rowMenu={(cluster: Cluster) => <ClusterVerbs cluster={cluster} />}
      >
        {adding && <KubeconfigDialog onClose={() => setAdding(false)} />}
      </SimpleListPage>
    </Permitted>
  );
}
