// The charts of a host: its own figures where something measures them, and what
// its VMs take of it, which every provider tells.
import { type Asking, type MetricName, select } from "./ask";
import type { ChartSpec } from "./spec";

export function hostCharts(host: string, provider: string): ChartSpec[] {
  const of = (metric: MetricName) => select(metric, { host, provider });
  const gauge =
    (metric: MetricName, by = "") =>
    (how: Asking) =>
      `max by (${by}) (${how.gauge(of(metric))})`;
  const rate =
    (metric: MetricName, by = "") =>
    (how: Asking) =>
      `sum by (${by}) (${how.rate(of(metric))})`;
  const sum = (metric: MetricName) => (how: Asking) => `sum(${how.gauge(of(metric))})`;
  const named = (label: string, what: string) => (labels: Readonly<Record<string, string>>) =>
    `${labels[label] ?? "?"} ${what}`;
  const machine: ChartSpec[] = [
    {
      id: "cpu",
      title: "Processors",
      unit: "ratio",
      top: 1,
      of: ["hostler_host_cpu_usage_ratio", "hostler_vm_cpu_seconds_total"],
      queries: [
        { expression: gauge("hostler_host_cpu_usage_ratio"), name: "used" },
        {
          expression: (how) =>
            `${rate("hostler_vm_cpu_seconds_total")(how)} / ${gauge("hostler_host_cpus")(how)}`,
          name: "used by its VMs",
        },
      ],
    },
    {
      id: "memory",
      title: "Memory",
      unit: "bytes",
      of: ["hostler_host_memory_total_bytes", "hostler_host_memory_available_bytes"],
      queries: [
        { expression: gauge("hostler_host_memory_total_bytes"), name: "in all" },
        { expression: gauge("hostler_host_memory_available_bytes"), name: "available" },
        { expression: sum("hostler_vm_memory_host_resident_bytes"), name: "held by its VMs" },
        { expression: sum("hostler_vm_memory_balloon_bytes"), name: "given to its VMs" },
      ],
    },
    {
      id: "vm-disk",
      title: "Disk throughput of its VMs",
      unit: "bytes_per_second",
      of: ["hostler_vm_disk_read_bytes_total", "hostler_vm_disk_written_bytes_total"],
      queries: [
        { expression: rate("hostler_vm_disk_read_bytes_total"), name: "read" },
        { expression: rate("hostler_vm_disk_written_bytes_total"), name: "written" },
      ],
    },
    {
      id: "vm-network",
      title: "Network throughput of its VMs",
      unit: "bytes_per_second",
      of: ["hostler_vm_network_received_bytes_total", "hostler_vm_network_sent_bytes_total"],
      queries: [
        { expression: rate("hostler_vm_network_received_bytes_total"), name: "received" },
        { expression: rate("hostler_vm_network_sent_bytes_total"), name: "sent" },
      ],
    },
  ];
  return [
    ...machine,
    {
      id: "pressure",
      title: "Pressure",
      unit: "ratio",
      help: "Share of time in which some tasks waited",
      of: ["hostler_host_pressure_waiting_seconds_total"],
      queries: [
        {
          expression: (how) =>
            `sum by (resource, share) (${how.rate(of("hostler_host_pressure_waiting_seconds_total"))})`,
          name: ({ resource, share }) => `${resource}, ${share}`,
        },
      ],
    },
    {
      id: "load",
      title: "Load",
      unit: "count",
      of: ["hostler_host_load"],
      queries: [
        { expression: gauge("hostler_host_load", "window"), name: ({ window }) => `${window}` },
      ],
    },
    {
      id: "modes",
      title: "Processors by mode",
      unit: "cores",
      help: "Processors' worth of time",
      of: ["hostler_host_cpu_seconds_total"],
      queries: [
        {
          expression: rate("hostler_host_cpu_seconds_total", "mode"),
          name: ({ mode }) => `${mode}`,
        },
      ],
    },
    {
      id: "swap",
      title: "Paging",
      unit: "bytes_per_second",
      of: ["hostler_host_swap_in_bytes_total", "hostler_host_swap_out_bytes_total"],
      queries: [
        { expression: rate("hostler_host_swap_in_bytes_total"), name: "read from swap" },
        { expression: rate("hostler_host_swap_out_bytes_total"), name: "written to swap" },
      ],
    },
    {
      id: "disk",
      title: "Disk throughput",
      unit: "bytes_per_second",
      of: ["hostler_host_disk_read_bytes_total", "hostler_host_disk_written_bytes_total"],
      queries: [
        {
          expression: rate("hostler_host_disk_read_bytes_total", "device"),
          name: named("device", "read"),
        },
        {
          expression: rate("hostler_host_disk_written_bytes_total", "device"),
          name: named("device", "written"),
        },
      ],
    },
    {
      id: "disk-busy",
      title: "Disks at work",
      unit: "ratio",
      top: 1,
      of: ["hostler_host_disk_busy_seconds_total"],
      queries: [
        {
          expression: rate("hostler_host_disk_busy_seconds_total", "device"),
          name: named("device", ""),
        },
      ],
    },
    {
      id: "network",
      title: "Network throughput",
      unit: "bytes_per_second",
      of: ["hostler_host_network_received_bytes_total", "hostler_host_network_sent_bytes_total"],
      queries: [
        {
          expression: rate("hostler_host_network_received_bytes_total", "interface"),
          name: named("interface", "received"),
        },
        {
          expression: rate("hostler_host_network_sent_bytes_total", "interface"),
          name: named("interface", "sent"),
        },
      ],
    },
    {
      id: "pools",
      title: "Storage pools",
      unit: "ratio",
      top: 1,
      help: "Used part",
      of: ["hostler_pool_allocated_bytes", "hostler_pool_capacity_bytes"],
      queries: [
        {
          expression: (how) =>
            `${gauge("hostler_pool_allocated_bytes", "pool")(how)} / ` +
            gauge("hostler_pool_capacity_bytes", "pool")(how),
          name: named("pool", ""),
        },
      ],
    },
  ];
}
