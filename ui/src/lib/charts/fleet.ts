// The charts of the whole fleet: totals, and the VMs that take most. Who they are is
// asked first, once for a range: asked time by time, a chart of the highest would be
// made of pieces of everybody.
import { type Asking, asking, type MetricName, ofVms, select } from "./ask";
import { readEvery } from "./range";
import type { ChartSpec } from "./spec";
import { secondsText, type Unit } from "./units";

export interface TopSpec {
  id: string;
  title: string;
  unit: Unit;
  of: readonly MetricName[];
  /** What VMs are compared by. `metric` makes the selector of a metric. */
  expression: (how: Asking, selector: (metric: MetricName) => string) => string;
}

const BY_VM = "sum by (vm, vm_id, simulated)";

export const TOPS: readonly TopSpec[] = [
  {
    id: "top-cpu",
    title: "Processor",
    unit: "cores",
    of: ["hostler_vm_cpu_seconds_total"],
    expression: (how, of) => `${BY_VM} (${how.rate(of("hostler_vm_cpu_seconds_total"))})`,
  },
  {
    id: "top-memory",
    title: "Memory held on hosts",
    unit: "bytes",
    of: ["hostler_vm_memory_host_resident_bytes"],
    expression: (how, of) =>
      `max by (vm, vm_id, simulated) (${how.gauge(of("hostler_vm_memory_host_resident_bytes"))})`,
  },
  {
    id: "top-disk",
    title: "Disk throughput",
    unit: "bytes_per_second",
    of: ["hostler_vm_disk_read_bytes_total", "hostler_vm_disk_written_bytes_total"],
    expression: (how, of) =>
      `${BY_VM} (${how.rate(of("hostler_vm_disk_read_bytes_total"))}) + ` +
      `${BY_VM} (${how.rate(of("hostler_vm_disk_written_bytes_total"))})`,
  },
  {
    id: "top-network",
    title: "Network throughput",
    unit: "bytes_per_second",
    of: ["hostler_vm_network_received_bytes_total", "hostler_vm_network_sent_bytes_total"],
    expression: (how, of) =>
      `${BY_VM} (${how.rate(of("hostler_vm_network_received_bytes_total"))}) + ` +
      `${BY_VM} (${how.rate(of("hostler_vm_network_sent_bytes_total"))})`,
  },
];

/** The longest time by which VMs are compared: of ten thousand, more would be too much to read. */
export const RANK_MAX = 900;

/** Which `count` VMs take most, on average in the last of a range's `seconds`. */
export function rankQuery(
  top: TopSpec,
  count: number,
  seconds: number,
  of: Readonly<Record<string, string>> = {},
): string {
  const window = Math.max(60, Math.min(seconds, RANK_MAX));
  const how: Asking = {
    gauge: (selector) => `avg_over_time(${selector}[${window}s])`,
    rate: asking(window, 1).rate,
  };
  return `topk(${count}, ${top.expression(how, (metric) => select(metric, of))})`;
}

/** The chart of those VMs, highest first. */
export function topChart(top: TopSpec, ids: readonly string[]): ChartSpec {
  return {
    id: top.id,
    title: top.title,
    unit: top.unit,
    of: top.of,
    queries: [
      {
        expression: (how) => top.expression(how, (metric) => ofVms(metric, ids)),
        name: ({ vm }) => vm ?? "?",
      },
    ],
    vmOf: (labels) => labels.vm_id,
    order: ids,
  };
}

/**
 * Whom to follow, who followed some and compares these: the same, the same array too, while at
 * least half of the compared are among them. Whenever others are followed the stream begins anew.
 */
export function followedOf(
  followed: readonly string[],
  compared: readonly string[],
): readonly string[] {
  const wanted = new Set(compared);
  const held = followed.filter((id) => wanted.has(id)).length;
  return held * 2 >= wanted.size ? followed : [...wanted];
}

/** How the charts come by what is new; `step`: of their times, in seconds. */
export function followText(how: "fed" | "by time" | "stream away", step: number): string {
  if (how === "fed") return "Charts follow the live stream.";
  const every = secondsText(readEvery(step, false));
  return how === "by time"
    ? `Charts are read every ${every}.`
    : `The live stream is away: charts are read every ${every}.`;
}

const total = (metric: MetricName) => (how: Asking) => `sum(${how.gauge(metric)})`;
const flow = (metric: MetricName) => (how: Asking) => `sum(${how.rate(metric)})`;

export const TOTALS: readonly ChartSpec[] = [
  {
    id: "total-cpu",
    title: "Processors",
    unit: "cores",
    of: ["hostler_vm_cpu_seconds_total", "hostler_host_cpus"],
    queries: [
      { expression: total("hostler_host_cpus"), name: "of all hosts" },
      { expression: flow("hostler_vm_cpu_seconds_total"), name: "used by VMs" },
      { expression: total("hostler_vm_vcpus"), name: "vCPUs of VMs" },
    ],
  },
  {
    id: "total-memory",
    title: "Memory",
    unit: "bytes",
    of: ["hostler_host_memory_total_bytes", "hostler_vm_memory_host_resident_bytes"],
    queries: [
      { expression: total("hostler_host_memory_total_bytes"), name: "of all hosts" },
      { expression: total("hostler_vm_memory_balloon_bytes"), name: "given to VMs" },
      { expression: total("hostler_vm_memory_host_resident_bytes"), name: "held by VMs" },
    ],
  },
  {
    id: "total-disk",
    title: "Disk throughput of VMs",
    unit: "bytes_per_second",
    of: ["hostler_vm_disk_read_bytes_total", "hostler_vm_disk_written_bytes_total"],
    queries: [
      { expression: flow("hostler_vm_disk_read_bytes_total"), name: "read" },
      { expression: flow("hostler_vm_disk_written_bytes_total"), name: "written" },
    ],
  },
  {
    id: "total-network",
    title: "Network throughput of VMs",
    unit: "bytes_per_second",
    of: ["hostler_vm_network_received_bytes_total", "hostler_vm_network_sent_bytes_total"],
    queries: [
      { expression: flow("hostler_vm_network_received_bytes_total"), name: "received" },
      { expression: flow("hostler_vm_network_sent_bytes_total"), name: "sent" },
    ],
  },
  {
    id: "total-storage",
    title: "Storage pools",
    unit: "bytes",
    help: "As each host sees them: a shared pool counts once for each host",
    of: ["hostler_pool_capacity_bytes", "hostler_pool_allocated_bytes"],
    queries: [
      { expression: total("hostler_pool_capacity_bytes"), name: "capacity" },
      { expression: total("hostler_pool_allocated_bytes"), name: "used" },
    ],
  },
  {
    id: "total-vms",
    title: "Running VMs that were measured",
    unit: "count",
    of: ["hostler_vm_vcpus"],
    queries: [{ expression: (how) => `count(${how.gauge("hostler_vm_vcpus")})`, name: "VMs" }],
  },
];
