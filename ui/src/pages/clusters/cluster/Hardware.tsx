// The hardware that a cluster has for guests, who says so, and what an administrator
// declared whatever its hosts tell.
import { useState } from "react";
import type { Cluster, ClusterHardware } from "../../../api/types";
import { PermittedButton } from "../../../components/PermittedButton";
import { UNKNOWN } from "../../../lib/format";
import { NoData } from "../../../primitives/NoData";
import { PlainTable } from "../../../primitives/PlainTable";
import { Tag } from "../../../primitives/Tag";
import { HardwareDialog } from "./HardwareDialog";

export function Hardware({ cluster }: { cluster: Cluster }) {
  const [declaring, setDeclaring] = useState(false);
  const hardware = cluster.capabilities?.hardware;
  return (
    <>
      <div className="list-head">
        <h2>Hardware</h2>
        <div className="spring" />
        <PermittedButton
          permission="provider.manage"
          variant="secondary"
          size="sm"
          onClick={() => setDeclaring(true)}
        >
          Declare hardware
        </PermittedButton>
      </div>
      {hardware ? (
        <HardwareTable hardware={hardware} />
      ) : (
        <p>
          <NoData why="what it can was not found out" />
        </p>
      )}
      {declaring && <HardwareDialog cluster={cluster} onClose={() => setDeclaring(false)} />}
    </>
  );
}

function HardwareTable({ hardware }: { hardware: readonly ClusterHardware[] }) {
  return (
    <PlainTable
      label="Hardware"
      rows={hardware}
      rowId={({ name }) => name}
      empty="It has told of none."
      columns={[
        { header: "Name", cell: ({ name }) => <code>{name}</code> },
        {
          header: "There",
          cell: ({ present }) => (present == null ? "unknown" : present ? "yes" : "no"),
        },
        { header: "Hosts", cell: ({ hosts }) => hosts ?? `${UNKNOWN} nobody looked` },
        {
          header: "Who says so",
          cell: ({ source, declared }) => (
            <>
              {source} {declared && <Tag outline>declared</Tag>}
            </>
          ),
        },
      ]}
    />
  );
}
