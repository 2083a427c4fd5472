// What removing a cluster takes away and what it leaves, wherever that is asked.

export function ClusterRemoved() {
  return (
    <>
      Nothing in the cluster is touched. Hostler stops looking at it, and forgets for good its
      kubeconfig and what was declared of its hardware.
    </>
  );
}
