// A VM's provider by name; where it is a cluster, as a link to its page.
import { Link } from "@tanstack/react-router";
import type { Ref } from "../api/types";
import { paths } from "../paths";
import { useList } from "./useList";
import { useMissing } from "./useMay";

export function ProviderRef({ provider }: { provider: Ref }) {
  // A cluster has the id of its provider; of the others the list holds none.
  const enabled = useMissing("infra.read") === undefined;
  const { rows } = useList("clusters", { filter: `id=${provider.id}` }, { limit: 1, enabled });
  if (!rows.some(({ id }) => id === provider.id)) return <>{provider.name}</>;
  return (
    <>
      <Link {...paths.cluster(provider.id)}>{provider.name}</Link>, a cluster
    </>
  );
}
