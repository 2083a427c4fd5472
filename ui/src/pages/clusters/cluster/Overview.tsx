// How a cluster is, with every reason; how far what is known may be behind it; its storage
// and the hardware it has for guests. What could not be read is said so, not left out.
import { Alert, Gallery } from "@patternfly/react-core";
import { Link } from "@tanstack/react-router";
import type { Cluster, ClusterWatchLag } from "../../../api/types";
import { Facts, Item } from "../../../components/Facts";
import { StateBadge } from "../../../components/StateBadge";
import { SOURCES } from "../../../lib/clusters";
import { duration, UNKNOWN } from "../../../lib/format";
import { AT_ONCE } from "../../../lib/kubeconfig";
import { paths } from "../../../paths";
import { Age } from "../../../primitives/Age";
import { NoData } from "../../../primitives/NoData";
import { PlainTable } from "../../../primitives/PlainTable";
import { Reasons } from "../Reasons";
import { Hardware } from "./Hardware";

export function Overview({ cluster }: { cluster: Cluster }) {
  return (
    <>
      {cluster.failure && (
        <Alert
          isInline
          variant="warning"
          component="p"
          title={`Asking it again did not end well: ${cluster.failure}`}
        >
          {cluster.reported_at ? "What is shown is from before." : "Nothing is known of it yet."}
        </Alert>
      )}
      <Gallery hasGutter minWidths={{ default: "min(22rem, 100%)" }} className="cards">
        <Health cluster={cluster} />
        <Place cluster={cluster} />
      </Gallery>
      <h2>How far behind</h2>
      <WatchLags lags={cluster.watch_lags} at={cluster.reported_at} />
      <h2>Storage classes</h2>
      <Classes cluster={cluster} />
      <Hardware cluster={cluster} />
    </>
  );
}

function Health({ cluster }: { cluster: Cluster }) {
  const { capabilities } = cluster;
  return (
    <Facts title="Health">
      <Item name="Health">
        <StateBadge family="place" state={cluster.health} />
      </Item>
      <Item name="Reasons">
        <Reasons reasons={cluster.reasons} />
      </Item>
      <Item name="Told">
        {cluster.reported_at ? <Age at={cluster.reported_at} ago /> : <NoData why="never told" />}
        {cluster.stale && ", too long ago to rely on"}
      </Item>
      <Item name="Version">{capabilities?.version ?? <NoData why="not told" />}</Item>
      <Item name="Features detected">
        {capabilities ? <Age at={capabilities.detected_at} ago /> : <NoData why="not found out" />}
      </Item>
    </Facts>
  );
}

function Place({ cluster }: { cluster: Cluster }) {
  const used = cluster.kubeconfig;
  return (
    <Facts title="Place">
      <Item name="Kind">{cluster.kind}</Item>
      <Item name="Given by">{SOURCES[cluster.source] ?? cluster.source}</Item>
      <Item name="Where">
        <code className="breaks">{cluster.uri}</code>
      </Item>
      <Item name="Hosts">{cluster.host_count ?? <NoData why="no inventory yet" />}</Item>
      <Item name="VMs">
        <Link {...paths.vms({ provider: cluster.name })}>{cluster.vm_count ?? UNKNOWN}</Link>
      </Item>
      {used && (
        <>
          <Item name="Server">
            <code className="breaks">{used.server}</code>
          </Item>
          <Item name="Context">{used.context}</Item>
          <Item name="Namespaces">{used.namespaces?.join(", ") ?? "all"}</Item>
          <Item name="Questions at once">{used.at_once ?? `${AT_ONCE.unsaid}, unless said`}</Item>
          <Item name="Runs a command">{used.allow_exec ? "yes, for its credentials" : "no"}</Item>
          <Item name="Kubeconfig">
            given <Age at={used.given_at} ago /> by {used.given_by}
          </Item>
        </>
      )}
    </Facts>
  );
}

interface Lags {
  lags: readonly ClusterWatchLag[];
  /** When the cluster told of them: the silences are as of then. */
  at: string | null | undefined;
}

function WatchLags({ lags, at }: Lags) {
  return (
    <>
      {at && lags.length > 0 && (
        <p>
          <small>
            as told <Age at={at} ago />; silences are as of then
          </small>
        </p>
      )}
      <LagTable lags={lags} />
    </>
  );
}

function LagTable({ lags }: { lags: readonly ClusterWatchLag[] }) {
  return (
    <PlainTable
      label="How far behind"
      rows={lags}
      rowId={({ kind }) => kind}
      empty="It has told nothing of what is followed."
      columns={[
        { header: "Kind", cell: ({ kind }) => kind },
        {
          header: "Silent for",
          cell: ({ silent_seconds: silent }) => (silent == null ? "never heard" : duration(silent)),
        },
        {
          header: "Stale",
          cell: ({ stale_since: since, silent_seconds: silent }) =>
            since ? (
              <strong className="stale">
                for <Age at={since} />, read anew
              </strong>
            ) : silent == null ? (
              "not followed yet"
            ) : (
              "no, it is followed"
            ),
        },
      ]}
    />
  );
}

function Classes({ cluster }: { cluster: Cluster }) {
  const classes = cluster.storage_classes;
  if (!classes)
    return (
      <p>
        <NoData why="they could not be read" />
      </p>
    );
  return (
    <PlainTable
      label="Storage classes"
      rows={classes}
      rowId={({ name }) => name}
      empty="It has none."
      columns={[
        { header: "Name", cell: ({ name }) => name },
        { header: "Provisioner", cell: ({ provisioner }) => provisioner },
        { header: "Default", cell: (it) => (it.default ? "yes" : "no") },
        {
          header: "Can grow",
          cell: ({ can_grow: grows }) => (grows == null ? "not told" : grows ? "yes" : "no"),
        },
      ]}
    />
  );
}
