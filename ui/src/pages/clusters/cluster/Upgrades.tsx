// What each newer version of the cluster's product would turn on and off, while all that is
// configured stays as it is.
import type { ClusterCapabilities, ClusterFeatureChange } from "../../../api/types";
import { NoData } from "../../../primitives/NoData";
import { type PlainColumn, PlainTable } from "../../../primitives/PlainTable";
import { Tag } from "../../../primitives/Tag";
import { Inferred } from "./Inferred";

interface Row extends ClusterFeatureChange {
  version: string;
}

const columns: readonly PlainColumn<Row>[] = [
  { header: "Version", cell: ({ version }) => version },
  { header: "Feature", cell: ({ name }) => <code>{name}</code> },
  {
    header: "Turns",
    cell: ({ turns_on }) => (
      <Tag outline colour={turns_on ? "green" : "grey"}>
        {turns_on ? "on" : "off"}
      </Tag>
    ),
  },
  {
    header: "Why",
    cell: ({ why, inferred }) => (
      <>
        {why} {inferred && <Inferred />}
      </>
    ),
  },
];

export function Upgrades({ upgrades: told }: { upgrades: ClusterCapabilities["upgrades"] }) {
  const upgrades = told.value;
  if (!upgrades) {
    return (
      <>
        <h2>What an upgrade would change</h2>
        <p>
          <NoData why={told.reason || told.quality} />
        </p>
      </>
    );
  }
  const rows = upgrades.flatMap(({ version, changes }) =>
    changes.map((change) => ({ ...change, version })),
  );
  const without = upgrades.filter(({ changes }) => changes.length === 0);
  return (
    <>
      <h2>What an upgrade would change</h2>
      {upgrades.length === 0 ? (
        <p>No newer version is known here.</p>
      ) : (
        <>
          {without.length > 0 && (
            <p>
              Nothing by an upgrade to {without.map(({ version }) => version).join(", ")}, while all
              that is configured stays as it is.
            </p>
          )}
          {rows.length > 0 && (
            <PlainTable
              label="What an upgrade would change"
              columns={columns}
              rows={rows}
              rowId={({ version, name }) => `${version} ${name}`}
              empty=""
            />
          )}
        </>
      )}
    </>
  );
}
