// Where the values are from, for who doubts and wants to look.
import type { Outlook } from "../../api/types";
import { keyOf, nameOf } from "../../lib/outlook/words";
import { PlainTable } from "../../primitives/PlainTable";

export function OutlookQueries({ outlook: { resources } }: { outlook: Outlook }) {
  return (
    <details className="figures">
      <summary>The queries that these values are from ({resources.length})</summary>
      <PlainTable
        label="The queries that these values are from"
        rows={resources}
        rowId={keyOf}
        empty="There are none."
        columns={[
          { header: "Resource", cell: nameOf },
          { header: "PromQL", cell: ({ query }) => <code className="breaks">{query}</code> },
        ]}
      />
    </details>
  );
}
