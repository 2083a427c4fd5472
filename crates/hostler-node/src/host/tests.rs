//! Parsers against what kernels of several ages write.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// What is gathered, one value a line.
fn told(gather: impl FnOnce(&mut Points)) -> String {
    let mut points = Points::default();
    gather(&mut points);
    assert!(points.0.iter().all(Point::is_sound), "{points:?}");
    let line = |point: &Point| {
        let labels = point.labels.values().join(",");
        format!("{} [{labels}] {}\n", point.metric.name(), point.value)
    };
    points.0.iter().map(line).collect()
}

fn check(gather: impl FnOnce(&mut Points), expected: Expect) {
    expected.assert_eq(&told(gather));
}

#[test]
fn d7_processors_are_told_without_counting_guests_twice() {
    let text = "cpu  100 20 30 4000 50 6 7 8 90 10\ncpu0 1 2 3 4\nintr 1 2\nbtime 1700000000\n";
    check(
        |points| cpu::times(text, 100.0, points),
        expect![[r#"
            hostler_host_cpu_seconds_total [user] 1
            hostler_host_cpu_seconds_total [nice] 0.2
            hostler_host_cpu_seconds_total [system] 0.3
            hostler_host_cpu_seconds_total [idle] 40
            hostler_host_cpu_seconds_total [iowait] 0.5
            hostler_host_cpu_seconds_total [irq] 0.06
            hostler_host_cpu_seconds_total [softirq] 0.07
            hostler_host_cpu_seconds_total [steal] 0.08
        "#]],
    );
    assert_eq!(cpu::booted(text), Some(1_700_000_000));
    assert_eq!(cpu::lines(text), Some(1));
    // Before 2.6.11 nobody counted stolen time.
    let old = told(|points| cpu::times("cpu  1 2 3 4 5 6 7\n", 100.0, points));
    assert!(!old.contains("steal") && old.contains("softirq"), "{old}");
}

#[test]
fn processors_online_are_counted_by_their_list() {
    assert_eq!(cpu::listed("0-3,8\n"), Some(5));
    assert_eq!(cpu::listed("0\n"), Some(1));
    for odd in ["", "3-1", "a", "0-18446744073709551615", "0-99999999"] {
        assert_eq!(cpu::listed(odd), None, "{odd}");
    }
}

#[test]
fn x17_a_kernel_that_does_not_tell_available_memory_has_none_told() {
    let old =
        "MemTotal:  1000 kB\nMemFree:  10 kB\nBuffers: 1 kB\nCached: 2 kB\nSwapCached: 9 kB\n";
    check(
        |points| memory::gauges(old, points),
        expect![[r#"
            hostler_host_memory_free_bytes [] 10240
            hostler_host_memory_cached_bytes [] 2048
            hostler_host_memory_buffers_bytes [] 1024
        "#]],
    );
    assert_eq!(memory::bytes("Node 0 MemTotal:  12 kB\n", "MemTotal"), Some(12 * 1024));
    assert_eq!(memory::bytes("MemTotal: 12 furlongs\n", "MemTotal"), None);
}

#[test]
fn d20_swapping_and_faults_are_told_in_bytes_and_faults() {
    check(
        |points| memory::swapping("pswpin 2\npswpout 3\npgmajfault 4\n", 4096.0, points),
        expect![[r#"
            hostler_host_swap_in_bytes_total [] 8192
            hostler_host_swap_out_bytes_total [] 12288
            hostler_host_memory_major_faults_total [] 4
        "#]],
    );
}

#[test]
fn x17_the_zero_that_the_kernel_writes_for_all_tasks_and_processors_is_not_told() {
    let text = "some avg10=4.08 avg60=5.80 avg300=12.69 total=17889303\n\
                full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    check(
        |points| pressure::waiting(text, "cpu", points),
        expect![[r#"
            hostler_host_pressure_waiting_seconds_total [cpu,some] 17.889303
        "#]],
    );
    check(
        |points| pressure::waiting(text, "io", points),
        expect![[r#"
            hostler_host_pressure_waiting_seconds_total [io,some] 17.889303
            hostler_host_pressure_waiting_seconds_total [io,full] 0
        "#]],
    );
}

#[test]
fn d20_whole_disks_are_told_and_neither_partitions_nor_loops() {
    let text = "   7       0 loop0 42 0 2336 2 0 0 0 0 0 0 2 0 0 0 0 0 0\n\
                   8       0 sda 1 9 2 3000 4 9 5 6000 0 7000 8 9 9 9 9\n\
                   8       1 sda1 1 1 1 1 1 1 1 1 1 1 1\n\
                 259       0 nvme0n1 1 0 2 3 4 0 5 6 0 7 8\n\
                 259       1 nvme0n1p1 1 0 2 3 4 0 5 6 0 7 8\n\
                 202       1 xvda1 1\n\
                 253       1 dm-1 1\n 253 10 dm-10 1\n 253 0 zram0 1 1 1 1\n 11 0 sr0 0 0 0 0\n";
    check(
        |points| disk::transfers(text, points),
        expect![[r#"
            hostler_host_disk_reads_total [sda] 1
            hostler_host_disk_read_bytes_total [sda] 1024
            hostler_host_disk_read_seconds_total [sda] 3
            hostler_host_disk_writes_total [sda] 4
            hostler_host_disk_written_bytes_total [sda] 2560
            hostler_host_disk_write_seconds_total [sda] 6
            hostler_host_disk_busy_seconds_total [sda] 7
            hostler_host_disk_reads_total [nvme0n1] 1
            hostler_host_disk_read_bytes_total [nvme0n1] 1024
            hostler_host_disk_read_seconds_total [nvme0n1] 0.003
            hostler_host_disk_writes_total [nvme0n1] 4
            hostler_host_disk_written_bytes_total [nvme0n1] 2560
            hostler_host_disk_write_seconds_total [nvme0n1] 0.006
            hostler_host_disk_busy_seconds_total [nvme0n1] 0.007
            hostler_host_disk_reads_total [xvda1] 1
            hostler_host_disk_reads_total [dm-1] 1
            hostler_host_disk_reads_total [dm-10] 1
        "#]],
    );
}

#[test]
fn d20_interfaces_of_the_machine_are_told_and_not_those_of_guests() {
    let root = tempfile::tempdir().unwrap();
    let class = root.path().join("sys/class/net");
    for (name, uevent) in [("eth0", ""), ("br0", "DEVTYPE=bridge\n"), ("vnet0", "INTERFACE=x\n")] {
        std::fs::create_dir_all(class.join(name)).unwrap();
        std::fs::write(class.join(name).join("uevent"), uevent).unwrap();
    }
    std::fs::create_dir(class.join("eth0/device")).unwrap();
    let text = "Inter-|   Receive  |  Transmit\n face |bytes packets errs|bytes\n\
                    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n\
                  eth0:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n\
                 vnet0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n\
                   br0: 10\n";
    let tree = Tree::new(root.path().to_owned());
    check(
        |points| network::of_host(text, &tree, points),
        expect![[r#"
            hostler_host_network_received_bytes_total [eth0] 1
            hostler_host_network_received_packets_total [eth0] 2
            hostler_host_network_receive_errors_total [eth0] 3
            hostler_host_network_receive_drops_total [eth0] 4
            hostler_host_network_sent_bytes_total [eth0] 5
            hostler_host_network_sent_packets_total [eth0] 6
            hostler_host_network_send_errors_total [eth0] 7
            hostler_host_network_send_drops_total [eth0] 8
            hostler_host_network_received_bytes_total [br0] 10
        "#]],
    );
}

#[test]
fn huge_pages_are_told_by_size_and_memory_node() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let tree = Tree::new(root.path().to_owned());
    write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
    check(
        |points| hugepages::read(&tree, points),
        expect![[r#"
            hostler_host_hugepages [2097152,] 8
        "#]],
    );
    // A machine with memory nodes counts them there, and not once more as a whole.
    write("sys/devices/system/node/online", "0\n");
    write("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 4 kB\nNode 1 MemFree: 2 kB\n");
    write("sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages", "3\n");
    write("sys/devices/system/node/node1/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
    check(
        |points| hugepages::read(&tree, points),
        expect![[r#"
            hostler_host_numa_memory_total_bytes [1] 4096
            hostler_host_numa_memory_free_bytes [1] 2048
            hostler_host_hugepages [1073741824,1] 3
            hostler_host_hugepages_free [1073741824,1] 1
        "#]],
    );
}

proptest! {
    #[test]
    fn whatever_the_kernel_writes_nothing_panics_and_every_point_is_sound(
        text in "\\PC{0,99}|((cpu|some|eth0:|MemFree:|8 0 sda|pswpin|total=|[0-9.a-z-]{0,9}|,)[ \n]?){0,30}"
    ) {
        let nowhere = Tree::new(PathBuf::from("/nonexistent"));
        told(|points| cpu::times(&text, 100.0, points));
        told(|points| cpu::load(&text, points));
        told(|points| memory::gauges(&text, points));
        told(|points| memory::swapping(&text, 4096.0, points));
        told(|points| pressure::waiting(&text, "io", points));
        told(|points| disk::transfers(&text, points));
        told(|points| network::of_host(&text, &nowhere, points));
        let _ = (cpu::listed(&text), cpu::booted(&text), cpu::model(&text));
        let _ = (cpu::lines(&text), memory::bytes(&text, "MemTotal"), hugepages::size_bytes(&text));
    }
}
