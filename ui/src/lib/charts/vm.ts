// The charts of a VM. Its samples bear the name of its host and so begin new series
// when it moves; they are joined by its id.
import { type Asking, type MetricName, select } from "./ask";
import type { ChartSpec } from "./spec";

export function vmCharts(id: string): ChartSpec[] {
  const of = (metric: MetricName) => select(metric, { vm_id: id });
  const gauge =
    (metric: MetricName, by = "") =>
    (how: Asking) =>
      `max by (${by}) (${how.gauge(of(metric))})`;
  const rate =
    (metric: MetricName, by = "") =>
    (how: Asking) =>
      `sum by (${by}) (${how.rate(of(metric))})`;
  const latency = (time: MetricName, count: MetricName) => (how: Asking) => {
    const [spent, done] = [rate(time, "device")(how), rate(count, "device")(how)];
    // Of nothing done there is no time that it took.
    return `${spent} / (${done} > 0)`;
  };
  const device = (what: string) => (labels: Readonly<Record<string, string>>) =>
    `${labels.device ?? "?"} ${what}`;
  const nic = (what: string) => (labels: Readonly<Record<string, string>>) =>
    `${labels.interface ?? "?"} ${what}`;
  return [
    {
      id: "cpu",
      title: "Processor",
      unit: "ratio",
      top: 1,
      help: "Of all its online vCPUs together",
      of: ["hostler_vm_cpu_usage_ratio"],
      queries: [{ expression: gauge("hostler_vm_cpu_usage_ratio"), name: "used" }],
    },
    {
      id: "memory",
      title: "Memory",
      unit: "bytes",
      of: ["hostler_vm_memory_balloon_bytes", "hostler_vm_memory_host_resident_bytes"],
      queries: [
        { expression: gauge("hostler_vm_memory_balloon_bytes"), name: "given to the guest" },
        { expression: gauge("hostler_vm_memory_host_resident_bytes"), name: "held on the host" },
        {
          expression: (how) =>
            `max(${how.gauge(of("hostler_vm_memory_guest_available_bytes"))}) - ` +
            `max(${how.gauge(of("hostler_vm_memory_guest_usable_bytes"))})`,
          name: "used in the guest",
        },
      ],
    },
    {
      id: "vcpus",
      title: "vCPUs",
      unit: "ratio",
      top: 1,
      of: ["hostler_vm_vcpu_usage_ratio"],
      queries: [
        {
          expression: gauge("hostler_vm_vcpu_usage_ratio", "vcpu"),
          name: ({ vcpu }) => `vCPU ${vcpu}`,
        },
      ],
    },
    {
      id: "waiting",
      title: "Processor waiting",
      unit: "ratio",
      help: "Time of all vCPUs together in which they could not run",
      of: ["hostler_vm_vcpu_delay_seconds_total", "hostler_vm_vcpu_wait_seconds_total"],
      queries: [
        { expression: rate("hostler_vm_vcpu_delay_seconds_total"), name: "for the host (steal)" },
        { expression: rate("hostler_vm_vcpu_wait_seconds_total"), name: "for I/O" },
      ],
    },
    {
      id: "disk",
      title: "Disk throughput",
      unit: "bytes_per_second",
      of: ["hostler_vm_disk_read_bytes_total", "hostler_vm_disk_written_bytes_total"],
      queries: [
        { expression: rate("hostler_vm_disk_read_bytes_total", "device"), name: device("read") },
        {
          expression: rate("hostler_vm_disk_written_bytes_total", "device"),
          name: device("written"),
        },
      ],
    },
    {
      id: "network",
      title: "Network throughput",
      unit: "bytes_per_second",
      of: ["hostler_vm_network_received_bytes_total", "hostler_vm_network_sent_bytes_total"],
      queries: [
        {
          expression: rate("hostler_vm_network_received_bytes_total", "interface"),
          name: nic("received"),
        },
        { expression: rate("hostler_vm_network_sent_bytes_total", "interface"), name: nic("sent") },
      ],
    },
    {
      id: "disk-operations",
      title: "Disk operations",
      unit: "per_second",
      of: ["hostler_vm_disk_reads_total", "hostler_vm_disk_writes_total"],
      queries: [
        { expression: rate("hostler_vm_disk_reads_total", "device"), name: device("reads") },
        { expression: rate("hostler_vm_disk_writes_total", "device"), name: device("writes") },
        { expression: rate("hostler_vm_disk_flushes_total", "device"), name: device("flushes") },
      ],
    },
    {
      id: "disk-latency",
      title: "Disk latency",
      unit: "seconds",
      help: "Mean time of those that ended",
      of: ["hostler_vm_disk_read_seconds_total", "hostler_vm_disk_write_seconds_total"],
      queries: [
        {
          expression: latency("hostler_vm_disk_read_seconds_total", "hostler_vm_disk_reads_total"),
          name: device("read"),
        },
        {
          expression: latency(
            "hostler_vm_disk_write_seconds_total",
            "hostler_vm_disk_writes_total",
          ),
          name: device("write"),
        },
      ],
    },
    {
      id: "packets",
      title: "Packets",
      unit: "per_second",
      of: ["hostler_vm_network_received_packets_total", "hostler_vm_network_sent_packets_total"],
      queries: [
        {
          expression: rate("hostler_vm_network_received_packets_total", "interface"),
          name: nic("received"),
        },
        {
          expression: rate("hostler_vm_network_sent_packets_total", "interface"),
          name: nic("sent"),
        },
        {
          expression: rate("hostler_vm_network_receive_drops_total", "interface"),
          name: nic("dropped on arrival"),
        },
        {
          expression: rate("hostler_vm_network_send_drops_total", "interface"),
          name: nic("dropped when sent"),
        },
      ],
    },
    {
      id: "paging",
      title: "Guest paging",
      unit: "bytes_per_second",
      of: ["hostler_vm_memory_swap_in_bytes_total", "hostler_vm_memory_swap_out_bytes_total"],
      queries: [
        { expression: rate("hostler_vm_memory_swap_in_bytes_total"), name: "read from swap" },
        { expression: rate("hostler_vm_memory_swap_out_bytes_total"), name: "written to swap" },
      ],
    },
    {
      id: "filesystems",
      title: "Guest file systems",
      unit: "ratio",
      top: 1,
      of: ["hostler_vm_guest_filesystem_used_bytes", "hostler_vm_guest_filesystem_size_bytes"],
      queries: [
        {
          expression: (how) =>
            `${gauge("hostler_vm_guest_filesystem_used_bytes", "mountpoint")(how)} / ` +
            gauge("hostler_vm_guest_filesystem_size_bytes", "mountpoint")(how),
          name: ({ mountpoint }) => `${mountpoint} used`,
        },
      ],
    },
    {
      id: "load",
      title: "Guest load",
      unit: "count",
      of: ["hostler_vm_guest_load"],
      queries: [
        { expression: gauge("hostler_vm_guest_load", "window"), name: ({ window }) => `${window}` },
      ],
    },
  ];
}
