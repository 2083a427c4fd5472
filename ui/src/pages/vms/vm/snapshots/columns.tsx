// What is told of a snapshot: each with who said so and when on hover, or why it is not known.
import { FactValue } from "../../../../components/FactValue";
import { StateBadge } from "../../../../components/StateBadge";
import { CONSISTENCY, type InTree } from "../../../../lib/snapshots";
import { Age } from "../../../../primitives/Age";
import { NoData } from "../../../../primitives/NoData";
import type { PlainColumn } from "../../../../primitives/PlainTable";
import { Tag } from "../../../../primitives/Tag";

export const columns: readonly PlainColumn<InTree>[] = [
  {
    header: "Name",
    cell: ({ snapshot: { name, description, is_current: current }, depth }) => (
      <span style={{ display: "block", paddingInlineStart: `${depth}rem` }}>
        {name}{" "}
        {current.value && (
          <Tag outline colour="blue" title="The VM's disks have grown from it">
            current
          </Tag>
        )}
        {description && (
          <>
            <br />
            <small>{description}</small>
          </>
        )}
      </span>
    ),
  },
  {
    header: "State",
    cell: ({ snapshot: { state, message } }) => (
      <>
        <StateBadge family="snapshot" state={state} title={message} />
        {message && <small> {message}</small>}
      </>
    ),
  },
  {
    header: "Taken",
    cell: ({ snapshot }) => (
      <FactValue fact={snapshot.taken_at} brief>
        {(at) => <Age at={at} ago />}
      </FactValue>
    ),
  },
  {
    header: "Came out",
    cell: ({ snapshot }) => (
      <FactValue fact={snapshot.consistency} brief>
        {(how) => CONSISTENCY[how] ?? how}
      </FactValue>
    ),
  },
  {
    header: "Holds",
    cell: ({ snapshot }) => (
      <>
        <FactValue fact={snapshot.content} brief>
          {(what) => (what === "disks_and_memory" ? "disks and memory" : "disks only")}
        </FactValue>
        {snapshot.disks.value && snapshot.disks.value.length > 0 && (
          <small> ({snapshot.disks.value.join(", ")})</small>
        )}
      </>
    ),
  },
  {
    header: "Left out",
    cell: ({ snapshot }) => (
      <FactValue fact={snapshot.disks_left_out} brief>
        {(disks) => disks.join(", ") || "nothing"}
      </FactValue>
    ),
  },
  { header: "Grew from", cell: (row) => <GrewFrom of={row} /> },
  { header: "Taken by", cell: ({ snapshot: { id } }) => (id ? "Hostler" : "somebody else") },
];

function GrewFrom({ of: { snapshot, parent } }: { of: InTree }) {
  if (parent) return <>{parent.name}</>;
  if (snapshot.parent) return <NoData why="the one it grew from is not listed" />;
  const { is_current: current } = snapshot;
  // Without a tree nobody knows of any that it is the current one.
  if (current.value == null) return <NoData why={current.reason || "its provider has no tree"} />;
  return <>none: the first</>;
}
