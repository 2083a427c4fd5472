// Marks a VM that was made elsewhere and adopted: who, when and why on hover.
import { EyeIcon, InboxIcon } from "@patternfly/react-icons";
import type { Vm } from "../../../api/types";
import { adoptedText } from "../../../lib/adoption";
import { Tag } from "../../../primitives/Tag";

export function AdoptedTag({ adopted }: { adopted: Vm["adopted"] }) {
  if (!adopted) return null;
  return (
    <Tag
      outline
      colour={adopted.read_only ? "orange" : "grey"}
      icon={adopted.read_only ? <EyeIcon /> : <InboxIcon />}
      title={adoptedText(adopted)}
    >
      {adopted.read_only ? "read only" : "adopted"}
    </Tag>
  );
}
