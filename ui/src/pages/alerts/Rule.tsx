// The rule of an alert: where it is from, and its expression over time.
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Alert, AlertRule } from "../../api/types";
import { ChartBoard, Charts } from "../../components/charts/Board";
import { useList } from "../../components/useList";
import { labelsText } from "../../lib/alerts";
import type { RangeSearch } from "../../lib/charts/range";
import { buildFilter } from "../../lib/filter";
import { Code } from "../../primitives/Code";

export function Rule({ alert }: { alert: Alert }) {
  const params = useMemo(
    () => ({ filter: buildFilter([{ field: "name", value: alert.name }]) }),
    [alert.name],
  );
  const rules = useList("rules", params);
  const rule = rules.rows.find(({ id }) => id === alert.rule.id);
  if (!rule) return null;
  return (
    <section aria-label="Rule">
      <h2 className="section-title">Rule</h2>
      <p className="description">
        Of the group {rule.group}, from {rule.source}. Where it does not hold the chart has gaps.
      </p>
      <Expression rule={rule} />
    </section>
  );
}

function Expression({ rule }: { rule: AlertRule }) {
  const search = useSearch({ from: "/alerts/$alertId" });
  const navigate = useNavigate({ from: "/alerts/$alertId" });
  const onSearch = useCallback(
    (range: RangeSearch) =>
      void navigate({
        search: ({ ops }) => ({ ops, ...range }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const specs = useMemo(
    () => [
      {
        id: "expression",
        title: "All that the rule holds for",
        unit: "count" as const,
        of: [],
        queries: [{ expression: () => rule.expression, name: labelsText }],
      },
    ],
    [rule.expression],
  );
  return (
    <>
      <Code text={rule.expression} label="Expression" />
      <ChartBoard search={search} onSearch={onSearch}>
        {(board) => <Charts specs={specs} board={board} />}
      </ChartBoard>
    </>
  );
}
