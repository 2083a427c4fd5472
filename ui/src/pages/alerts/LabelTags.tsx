// Labels, each by itself, to be read and copied.
import type { Labels } from "../../lib/matchers";
import { Tag } from "../../primitives/Tag";

export function LabelTags({ labels }: { labels: Labels }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return "none";
  return (
    <span className="labels wrap">
      {entries.map(([name, value]) => (
        <Tag key={name} outline>
          <span className="breaks">
            {name}={value}
          </span>
        </Tag>
      ))}
    </span>
  );
}
