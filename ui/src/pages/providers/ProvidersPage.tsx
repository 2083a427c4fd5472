// Places where VMs run: whether they answer, what they can do; add and remove.
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import type { Provider } from "../../api/types";
import { ClusterRemoved } from "../../components/ClusterRemoved";
import { PermittedButton } from "../../components/PermittedButton";
import { RemoveDialog } from "../../components/RemoveDialog";
import { SimpleListPage } from "../../components/SimpleListPage";
import { Simulated } from "../../components/Simulated";
import { StateBadge } from "../../components/StateBadge";
import { UNKNOWN, words } from "../../lib/format";
import { paths } from "../../paths";
import { Age } from "../../primitives/Age";
import { type Column, WORD_WIDTH } from "../../primitives/DataTable";
import { Tag } from "../../primitives/Tag";
import { AddProvider } from "./AddProvider";

const columns: readonly Column<Provider>[] = [
  {
    id: "name",
    header: "Name",
    sortField: "name",
    width: 160,
    cell: (provider) => (
      <span className="name-cell">
        <Link {...paths.vms({ provider: provider.name })}>{provider.name}</Link>
        <Simulated when={provider.simulated} compact />
      </span>
    ),
  },
  {
    id: "state",
    header: "State",
    width: 220,
    cell: (provider) => (
      <span className="state-cell">
        <StateBadge family="place" state={provider.state} title={provider.reason} />{" "}
        <small title={provider.reason ?? undefined}>{provider.reason}</small>
      </span>
    ),
  },
  { id: "kind", header: "Kind", width: 100, cell: (provider) => provider.kind },
  {
    id: "uri",
    header: "Where",
    width: 200,
    cell: (provider) => <code title={provider.uri}>{provider.uri}</code>,
  },
  {
    id: "product",
    header: "Answers as",
    width: 170,
    cell: (provider) => provider.product ?? UNKNOWN,
  },
  { id: "vms", header: "VMs", width: 80, cell: (provider) => provider.vm_count ?? UNKNOWN },
  {
    id: "groups",
    header: "Can do",
    width: 260,
    cell: (provider) => (
      <span className="labels" title={provider.groups.map(words).join(", ")}>
        {provider.groups.map((group) => (
          <Tag key={group} outline>
            {words(group)}
          </Tag>
        ))}
      </span>
    ),
  },
  {
    id: "observed_at",
    header: "Seen",
    width: 110,
    cell: (provider) => <Age at={provider.observed_at} ago={provider.observed_at != null} />,
  },
];

export default function ProvidersPage(): ReactNode {
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Provider>();
  return (
    <SimpleListPage
      name="providers"
      route="/providers"
      title="Providers"
      nouns={["provider", "providers"]}
      columns={columns}
      first={
        <>
          Add this machine's own libvirt with <code>qemu:///system</code>; nothing there is changed
          by that.
        </>
      }
      actions={
        <PermittedButton permission="provider.manage" onClick={() => setAdding(true)}>
          Add provider
        </PermittedButton>
      }
      menuWidth={WORD_WIDTH}
      rowMenu={(provider: Provider) => (
        <PermittedButton
          permission="provider.manage"
          refused={provider.from_config ? "it stands in the server's configuration" : undefined}
          variant="link"
          isDanger
          size="sm"
          aria-label={`Remove ${provider.name}`}
          onClick={() => setRemoving(provider)}
        >
          Remove
        </PermittedButton>
      )}
    >
      {adding && <AddProvider onClose={() => setAdding(false)} />}
      {removing && (
        <RemoveDialog
          title={`Remove ${removing.name}?`}
          confirm="Remove"
          list={keys.lists("providers")}
          remove={() =>
            body(
              client.DELETE("/api/v1/providers/{provider}", {
                params: { path: { provider: removing.id } },
              }),
            )
          }
          onClose={() => setRemoving(undefined)}
        >
          {removing.groups.includes("cluster") ? (
            <>
              <ClusterRemoved /> What it is and what it holds stands on{" "}
              <Link {...paths.cluster(removing.id)}>its page</Link>.
            </>
          ) : (
            "Nothing at the provider is touched. Hostler only stops looking at it."
          )}
        </RemoveDialog>
      )}
    </SimpleListPage>
  );
}
