// What was measured: last, of one thing; and over time, read on from where the
// chart ended, so that a live chart costs a few samples and not all of them.
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { asking, overlapOf, USUAL_PACE } from "../lib/charts/ask";
import { rankQuery, type TopSpec } from "../lib/charts/fleet";
import { columnOf, continues, type Grid, joined, type Line } from "../lib/charts/grid";
import { instantText, type Range, secondsOf, type Times, timesOf } from "../lib/charts/range";
import type { ChartSpec } from "../lib/charts/spec";
import { body, client } from "./client";
import type { MetricsAnswer } from "./types";

async function ask(query: string, times: Times, signal: AbortSignal): Promise<MetricsAnswer> {
  const [start, end] = [instantText(times.start), instantText(times.end)];
  const params = { query: { query, start, end, step_seconds: times.step } };
  return answered(client.GET("/api/v1/metrics/query", { params, signal }));
}

/** The client's own types forget that a sample is a pair. */
function answered(answer: Parameters<typeof body>[0]): Promise<MetricsAnswer> {
  return body(answer) as Promise<MetricsAnswer>;
}

/** Asks at one time; now when none is given. */
export async function askAt(
  query: string,
  at: number | undefined,
  signal: AbortSignal,
): Promise<MetricsAnswer> {
  const when = at === undefined ? {} : { at: instantText(at) };
  return answered(
    client.GET("/api/v1/metrics/query", { params: { query: { query, ...when } }, signal }),
  );
}

/**
 * Seconds between two passes, as the history knows them; also whether there is a history at all,
 * which every chart would otherwise find out by itself.
 */
export const paceQuery = queryOptions({
  queryKey: ["metrics", "pace"],
  queryFn: async ({ signal }) => {
    const query = 'max(hostler_provider_pass_interval_seconds{cost="stats"})';
    const answer = await askAt(query, undefined, signal);
    return answer.series[0]?.samples[0]?.[1] ?? USUAL_PACE;
  },
  staleTime: 300_000,
});

/** Between two looks at who takes most. */
export const RANK_MS = 60_000;

/** The ids of the `count` VMs that take most in a range, on average at its end. */
export function ranksQuery(
  top: TopSpec,
  count: number,
  range: Range,
  of?: Readonly<Record<string, string>>,
) {
  const question = rankQuery(top, count, secondsOf(range), of);
  const at = range.kind === "between" ? range.to : undefined;
  return queryOptions({
    queryKey: ["metrics", "rank", question, at] as const,
    queryFn: async ({ signal }) => {
      const answer = await askAt(question, at, signal);
      return answer.series.flatMap(({ labels }) => labels.vm_id ?? []);
    },
    staleTime: RANK_MS / 2,
  });
}

/** A chart's lines. `now` is asked when the query is made. */
export function chartQuery(spec: ChartSpec, range: Range, pace: number, now: () => number) {
  const { step } = timesOf(range, now());
  const how = asking(step, pace);
  const questions = spec.queries.map(({ expression }) => expression(how));
  return queryOptions({
    queryKey: ["metrics", "chart", questions, range] as const,
    queryFn: async ({ client: queries, queryKey, signal }): Promise<Grid> => {
      const times = timesOf(range, now());
      const old = range.kind === "last" ? known(queries, queryKey) : undefined;
      const goesOn = continues(old, times);
      const start = goesOn
        ? Math.max(times.start, old.end - overlapOf(step, pace) * step * 1000)
        : times.start;
      const asked = { ...times, start };
      const answers = await Promise.all(questions.map((text) => ask(text, asked, signal)));
      const fresh = {
        ...asked,
        lines: answers.flatMap((it, index) => linesOf(spec, index, it, asked)),
      };
      return inOrder(spec, goesOn ? joined(old, fresh, times) : fresh);
    },
    // Compared sample by sample it would only be found to differ.
    structuralSharing: false,
    staleTime: (step * 1000) / 2,
  });
}

/** The server orders by labels; a chart of the highest begins with the highest. */
function inOrder({ order, vmOf }: ChartSpec, grid: Grid): Grid {
  if (!order || !vmOf) return grid;
  const rankOf = (line: Line) => order.indexOf(vmOf(line.labels) ?? "");
  return { ...grid, lines: grid.lines.toSorted((one, other) => rankOf(one) - rankOf(other)) };
}

function known(queries: QueryClient, key: readonly unknown[]): Grid | undefined {
  return queries.getQueryData<Grid>(key);
}

function linesOf(spec: ChartSpec, index: number, answer: MetricsAnswer, times: Times): Line[] {
  const nameOf = spec.queries[index]?.name;
  return answer.series.map((series) => ({
    key: `${index} ${JSON.stringify(series.labels)}`,
    name: typeof nameOf === "function" ? nameOf(series.labels) : (nameOf ?? ""),
    labels: series.labels,
    values: columnOf(series, times),
  }));
}

/** Between two reads of what was measured last, where nothing tells that it is time. */
export const MEASURED_MS = 10_000;
/** Where the live stream does: only ages grow meanwhile. */
export const MEASURED_LIVE_MS = 60_000;

export function vmMeasuredQuery(vm: string) {
  return queryOptions({
    queryKey: ["metrics", "measured", "vms", vm],
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/vms/{vm}/metrics", { params: { path: { vm } }, signal })),
    staleTime: MEASURED_MS / 2,
  });
}

export function hostMeasuredQuery(host: string) {
  return queryOptions({
    queryKey: ["metrics", "measured", "hosts", host],
    queryFn: ({ signal }) =>
      body(client.GET("/api/v1/hosts/{host}/metrics", { params: { path: { host } }, signal })),
    staleTime: MEASURED_MS / 2,
  });
}
