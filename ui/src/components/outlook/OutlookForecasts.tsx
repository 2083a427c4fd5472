// What is expected, drawn with what it hardly is less or more than; as a table too.
import { Button, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { DownloadIcon, TableIcon } from "@patternfly/react-icons";
import { useId, useState } from "react";
import type { Outlook, OutlookForecast, OutlookResource } from "../../api/types";
import type { Grid } from "../../lib/charts/grid";
import { figure, type Unit } from "../../lib/charts/units";
import { localTime } from "../../lib/format";
import { BAND, gridOf } from "../../lib/outlook/ahead";
import { keyOf, modelText, nameOf, unitOf } from "../../lib/outlook/words";
import { saveFile } from "../../lib/saveFile";
import { ChartTable, csvOf } from "../charts/ChartTable";
import { Plot } from "../charts/Plot";

export function OutlookForecasts({ outlook }: { outlook: Outlook }) {
  const group = useId();
  const drawn = outlook.resources.flatMap((resource) => {
    const grid = resource.forecast && gridOf(resource.forecast, resource.limit);
    return resource.forecast && grid ? [{ resource, forecast: resource.forecast, grid }] : [];
  });
  if (drawn.length === 0) return null;
  return (
    <section aria-labelledby="outlook-forecasts">
      <h2 className="charts-title" id="outlook-forecasts">
        What is expected
      </h2>
      <div className="charts">
        {drawn.map((it) => (
          <Forecast key={keyOf(it.resource)} {...it} group={group} />
        ))}
      </div>
    </section>
  );
}

interface Props {
  resource: OutlookResource;
  forecast: OutlookForecast;
  grid: Grid;
  group: string;
}

const NONE_HIDDEN: ReadonlySet<string> = new Set();
/** The chart is as long as what was foretold: there is nothing to zoom to. */
const nothing = () => {};

function Forecast({ resource, forecast, grid, group }: Props) {
  const [asTable, setAsTable] = useState(false);
  const [row, setRow] = useState<number | null>(null);
  const [title, unit] = [`${nameOf(resource)}, expected`, unitOf(resource.unit)];
  const save = () => {
    const name = nameOf(resource).replaceAll(/[^\w]+/g, "-");
    saveFile(`outlook-${name}.csv`, new Blob([csvOf(grid)], { type: "text/csv" }));
  };
  return (
    <Card isCompact className="chart">
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <>
              <Button
                variant="plain"
                size="sm"
                aria-pressed={asTable}
                aria-label={`${title} as a table`}
                title="Show the values as a table"
                icon={<TableIcon />}
                onClick={() => setAsTable(!asTable)}
              />
              <Button
                variant="plain"
                size="sm"
                aria-label={`Save ${title} as CSV`}
                title="Save as CSV"
                icon={<DownloadIcon />}
                onClick={save}
              />
            </>
          ),
        }}
      >
        <CardTitle component="h3">{nameOf(resource)}</CardTitle>
        <small className="chart-help">{modelText(forecast.model)}</small>
      </CardHeader>
      <CardBody>
        {asTable ? (
          <ChartTable grid={grid} unit={unit} label={title} />
        ) : (
          <>
            <Plot
              grid={grid}
              unit={unit}
              label={title}
              group={group}
              hidden={NONE_HIDDEN}
              band={BAND}
              onRow={setRow}
              onLine={nothing}
              onDrawn={nothing}
              onScale={nothing}
              onReset={nothing}
            />
            <p className="outlook-help">{readout(grid, row, unit)}</p>
          </>
        )}
      </CardBody>
    </Card>
  );
}

/** The values under the crosshair; those at the end where there is none. */
function readout(grid: Grid, row: number | null, unit: Unit): string {
  const end = (grid.lines[0]?.values.length ?? 1) - 1;
  const at = row === null ? end : Math.min(row, end);
  const time = new Date(grid.start + at * grid.step * 1000).toISOString();
  const values = grid.lines.map(({ name, values }) => `${name} ${figure(values[at], unit)}`);
  return `${localTime(time)}: ${values.join(", ")}`;
}
