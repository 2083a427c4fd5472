// The state of a version as a mark.
import { Tag, type TagColour } from "../../primitives/Tag";

const COLOURS: Record<string, TagColour> = {
  draft: "blue",
  active: "green",
  deprecated: "orange",
  archived: "grey",
};

export function VersionState({ state }: { state: string }) {
  return (
    <Tag outline colour={COLOURS[state] ?? "purple"}>
      {state}
    </Tag>
  );
}
