// What a chart is: its questions, the names of its lines, and how its figures are
// written. The charts of each page are lists of these.
import type { Asking, MetricName } from "./ask";
import type { Unit } from "./units";

type Labels = Readonly<Record<string, string>>;

export interface ChartQuery {
  expression: (how: Asking) => string;
  name: string | ((labels: Labels) => string);
}

export interface ChartSpec {
  id: string;
  title: string;
  unit: Unit;
  /** What the figures mean, where the title does not say it. */
  help?: string;
  /** The end of the scale, where there is one. */
  top?: number;
  /** The metrics it is made of, to find out why there are none. */
  of: readonly MetricName[];
  queries: readonly ChartQuery[];
  /** The id of the VM that a line is about. */
  vmOf?: (labels: Labels) => string | undefined;
  /** Ids of VMs in the order of their lines. */
  order?: readonly string[];
}
