//! Whole passes over machines with more and with less to tell.

use std::time::Duration;

use hostler_core::metrics::Cost;
use hostler_node::Node;
use hostler_provider::{Cx, Kind, Metrics};

use crate::{value, write};

fn cx() -> Cx {
    Cx::within(Duration::from_secs(60))
}

#[tokio::test]
async fn d7_a_pass_tells_what_the_kernel_tells() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("proc/sys/kernel/osrelease", "6.1.0-40-amd64\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Model \"X\" 1\n"),
            ("proc/stat", "cpu  100 0 0 900\ncpu0 1\ncpu1 1\nbtime 1700000000\n"),
            ("proc/meminfo", "MemTotal: 1024 kB\nMemAvailable: 512 kB\n"),
            ("proc/loadavg", "0.25 0.50 0.75 1/234 567\n"),
            ("proc/pressure/memory", "some total=1500000\nfull total=500000\n"),
            ("proc/diskstats", "8 0 sda 1 0 2 3 4 0 5 6 0 7 8\n"),
            ("proc/net/dev", "eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"),
        ],
    );
    let node = Node::new(root.path(), "h1");
    let lasting = node.collect(&cx(), Cost::State).await.unwrap();
    let host = &lasting.hosts[0];
    assert_eq!(host.of, "h1");
    assert!(lasting.vms.is_empty() && lasting.containers.is_empty());
    assert_eq!(value(&host.points, "hostler_host_info,6.1.0-40-amd64,Model \"X\" 1"), Some(1.0));
    assert_eq!(value(&host.points, "hostler_host_cpus"), Some(2.0));
    assert_eq!(value(&host.points, "hostler_host_memory_total_bytes"), Some(1_048_576.0));
    let moving = node.collect(&cx(), Cost::Stats).await.unwrap();
    let points = &moving.hosts[0].points;
    assert_eq!(value(points, "hostler_host_load,5m"), Some(0.5));
    assert_eq!(value(points, "hostler_host_memory_available_bytes"), Some(524_288.0));
    assert_eq!(value(points, "hostler_host_boot_time_seconds"), Some(1.7e9));
    let waited = "hostler_host_pressure_waiting_seconds_total,memory,full";
    assert_eq!(value(points, waited), Some(0.5));
    assert_eq!(value(points, "hostler_host_disk_reads_total,sda"), Some(1.0));
    assert_eq!(value(points, "hostler_host_network_sent_bytes_total,eth0"), Some(5.0));
    let ticks = value(points, "hostler_host_cpu_seconds_total,idle").unwrap();
    assert!(ticks > 0.0, "{ticks}");
}

#[tokio::test]
async fn x17_a_kernel_without_pressure_nodes_and_swap_tells_none_and_no_zero() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("proc/stat", "cpu  1 2 3 4\n"), ("proc/meminfo", "MemFree: 1 kB\n")]);
    let node = Node::new(root.path(), "old");
    let batch = node.collect(&cx(), Cost::Stats).await.unwrap();
    let names: Vec<&str> = batch.hosts[0].points.iter().map(|point| point.metric.name()).collect();
    let times = "hostler_host_cpu_seconds_total";
    assert_eq!(names, [times, times, times, times, "hostler_host_memory_free_bytes"]);
}

#[tokio::test]
async fn x17_a_machine_that_tells_nothing_is_an_error_and_no_zeros() {
    let root = tempfile::tempdir().unwrap();
    let node = Node::new(root.path(), "h1");
    for pass in [Cost::State, Cost::Stats] {
        let error = node.collect(&cx(), pass).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    }
    let error = node.collect(&cx(), Cost::Guest).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
}
