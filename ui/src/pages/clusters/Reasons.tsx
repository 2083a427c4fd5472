// Why a cluster is as it is: the word for machines and the text for people of each reason.
import "./clusters.css";
import type { ClusterReason } from "../../api/types";
import { Tag } from "../../primitives/Tag";

export function Reasons({ reasons }: { reasons: readonly ClusterReason[] }) {
  if (reasons.length === 0) return <>none told</>;
  return (
    <ul className="reasons">
      {reasons.map(({ code, message, warning }) => (
        <li key={`${code} ${message}`}>
          <Tag outline colour={warning ? "orange" : "red"}>
            {warning ? "to notice" : "in the way"}
          </Tag>{" "}
          {message} <code>{code}</code>
        </li>
      ))}
    </ul>
  );
}
