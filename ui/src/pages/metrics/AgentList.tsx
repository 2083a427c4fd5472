// The agents: whether each is heard, when last, and what it is heard of.
import { Button } from "@patternfly/react-core";
import { useMemo, useState } from "react";
import { MEASURED_MS } from "../../api/metrics";
import type { Agent } from "../../api/types";
import { Permitted } from "../../components/Permitted";
import { SimpleListPage } from "../../components/SimpleListPage";
import { StateBadge } from "../../components/StateBadge";
import { isAlone, leftOut } from "../../lib/collection";
import { buildFilter } from "../../lib/filter";
import { UNKNOWN } from "../../lib/format";
import { AGENT_STATES } from "../../lib/tone";
import { Age } from "../../primitives/Age";
import type { Column } from "../../primitives/DataTable";
import { SelectFilter } from "../../primitives/SelectFilter";
import { NewestAgent } from "./AgentDialog";
import { AgentHowTo } from "./AgentHowTo";
import { Machine } from "./Machine";
import { Sources } from "./Sources";
import { useMetricsSearch } from "./useMetricsSearch";

const STATES = AGENT_STATES.map((value) => ({ value, text: value }));

function columnsFor(onShow: (agent: Agent) => void): readonly Column<Agent>[] {
  return [
    {
      id: "name",
      header: "Name",
      sortField: "name",
      width: 130,
      cell: (agent) => (
        <Button
          variant="link"
          isInline
          className="in-row"
          title={agent.name}
          onClick={() => onShow(agent)}
        >
          {agent.name}
        </Button>
      ),
    },
    {
      id: "state",
      header: "State",
      sortField: "state",
      width: 230,
      cell: ({ state, reason }) => (
        <span className="state-cell">
          <StateBadge family="agent" state={state} title={reason} />
          <small title={reason ?? undefined}>{reason}</small>
        </span>
      ),
    },
    {
      id: "heard",
      header: "Heard",
      width: 85,
      cell: ({ heard_at: at }) => (at ? <Age at={at} ago /> : "never"),
    },
    {
      id: "host",
      header: "Measures",
      sortField: "host",
      width: 120,
      cell: (agent) => <Machine agent={agent} />,
    },
    {
      id: "sources",
      header: "Asks",
      // One that fails and how many more there are have room.
      width: 190,
      cell: (agent) => <Sources agent={agent} />,
    },
    { id: "version", header: "Version", width: 75, cell: ({ version }) => version ?? UNKNOWN },
    {
      id: "left_out",
      header: "Left out",
      width: 75,
      short: true,
      cell: (agent) => {
        const much = leftOut(agent);
        return much > 0 ? <strong className="refused">{much}</strong> : much;
      },
    },
  ];
}

export function AgentList() {
  const { search, set, clear } = useMetricsSearch();
  const [shown, setShown] = useState<Agent>();
  const columns = useMemo(() => columnsFor(setShown), []);
  // Of a narrowed list nobody knows what is not in it.
  const isWhole = search.state === undefined && search.search === undefined;
  return (
    <Permitted permission="infra.read" what="agents">
      <SimpleListPage
        name="agents"
        route="/charts"
        title="Agents"
        nouns={["agent", "agents"]}
        columns={columns}
        poll={MEASURED_MS}
        filter={buildFilter([{ field: "state", value: search.state }])}
        filters={
          <SelectFilter
            label="State"
            value={search.state}
            options={STATES}
            onChange={(state) => set({ state })}
          />
        }
        onClear={clear}
        first={<AgentHowTo />}
      >
        {(agents: readonly Agent[]) => (
          <>
            {isWhole && isAlone(agents) && (
              <details className="list-more" open>
                <summary>Nobody measures another machine yet: how to add an agent</summary>
                <AgentHowTo />
              </details>
            )}
            {shown && <NewestAgent agent={shown} onClose={() => setShown(undefined)} />}
          </>
        )}
      </SimpleListPage>
    </Permitted>
  );
}
