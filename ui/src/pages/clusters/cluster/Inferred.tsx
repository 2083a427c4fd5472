// Marks what was not read from the releases of the cluster's own version.
import { Tag } from "../../../primitives/Tag";

export function Inferred() {
  const title = "Concluded from an older version: the cluster's is newer than what is known here";
  return (
    <Tag outline colour="orange" title={title}>
      inferred
    </Tag>
  );
}
