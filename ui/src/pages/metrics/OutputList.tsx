// Where the history is sent to: what arrived, what waits, and what is lost.
import { Button } from "@patternfly/react-core";
import { useMemo, useState } from "react";
import { MEASURED_MS } from "../../api/metrics";
import type { OutputStatus } from "../../api/types";
import { Permitted } from "../../components/Permitted";
import { SimpleListPage } from "../../components/SimpleListPage";
import { StateBadge } from "../../components/StateBadge";
import { lostOf, waitingText } from "../../lib/collection";
import { UNKNOWN, whole, words } from "../../lib/format";
import { OUTPUT_TOML } from "../../lib/snippets";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { HowTo } from "./HowTo";
import { NewestOutput } from "./OutputDialog";

/** Why it does not go as it should, now or lately. */
function trouble({ reason, last_refusal: refusal }: OutputStatus): string | undefined {
  return reason ?? (refusal ? `refused samples: ${refusal.reason}` : undefined);
}

function columnsFor(onShow: (output: OutputStatus) => void): readonly Column<OutputStatus>[] {
  return [
    {
      id: "name",
      header: "Name",
      sortField: "name",
      width: 125,
      cell: (output) => (
        <Button
          variant="link"
          isInline
          className="in-row"
          title={output.name}
          onClick={() => onShow(output)}
        >
          {output.name}
        </Button>
      ),
    },
    { id: "kind", header: "Kind", sortField: "kind", width: 105, cell: ({ kind }) => words(kind) },
    {
      id: "state",
      header: "State",
      sortField: "state",
      width: 240,
      cell: (output) => (
        <span className="state-cell">
          <StateBadge family="output" state={output.state} title={output.reason} />
          <small title={trouble(output)}>{trouble(output)}</small>
        </span>
      ),
    },
    { id: "waiting", header: "Waiting", width: 175, cell: waitingText },
    {
      id: "sent",
      header: "Arrived",
      width: 85,
      cell: ({ sent }) => whole(sent),
    },
    {
      id: "sent_at",
      header: "Last",
      width: 85,
      cell: ({ sent_at: at }) => (at ? <Age at={at} ago /> : UNKNOWN),
    },
    {
      id: "lost",
      header: "Lost",
      width: 85,
      cell: (output) => {
        const { total } = lostOf(output);
        return total > 0 ? <strong className="refused">{whole(total)}</strong> : total;
      },
    },
  ];
}

export function OutputList() {
  const [shown, setShown] = useState<OutputStatus>();
  const columns = useMemo(() => columnsFor(setShown), []);
  return (
    <Permitted permission="metrics.read" what="outputs">
      <SimpleListPage
        name="outputs"
        route="/charts"
        title="Outputs"
        nouns={["output", "outputs"]}
        columns={columns}
        poll={MEASURED_MS}
        first={
          <HowTo label="Configuration of an output" text={OUTPUT_TOML}>
            What is measured stays in this server's own history. To send it to Prometheus, InfluxDB
            or PostgreSQL as well, put a table like this into the server's configuration and start
            it anew.
          </HowTo>
        }
      >
        {shown && <NewestOutput output={shown} onClose={() => setShown(undefined)} />}
      </SimpleListPage>
    </Permitted>
  );
}
