//! The tables against what a real libvirt 9.0 said, and against what none should.

use expect_test::expect;
use proptest::prelude::*;

use super::*;

/// What libvirt said, as `virsh domstats` prints it.
fn said(text: &str) -> Vec<TypedParam> {
    let param = |line: &str| {
        let (field, value) = line.trim().split_once('=')?;
        let typed = match value {
            "yes" | "no" => TypedValue::from(value == "yes"),
            _ => value.parse::<u64>().map_or_else(|_| TypedValue::from(value), Into::into),
        };
        Some(TypedParam::new(field, typed))
    };
    text.lines().filter_map(param).collect()
}

fn shown(points: &[Point]) -> String {
    points.iter().fold(String::new(), |mut text, point| {
        assert!(point.is_sound(), "{point:?}");
        let labels = point.labels.values().join(",");
        text.push_str(&format!("{}{{{labels}}} {}\n", point.metric.family().name, point.value));
        text
    })
}

const RUNNING: &str = "state.state=1
state.reason=1
cpu.time=690000000
cpu.user=360000000
cpu.system=330000000
cpu.cache.monitor.count=0
balloon.current=49152
balloon.maximum=65536
balloon.swap_in=2
balloon.major_fault=7
balloon.available=40000
balloon.usable=30000
balloon.last-update=1700000000
balloon.rss=44724
vcpu.current=1
vcpu.maximum=2
vcpu.0.state=1
vcpu.0.time=210000000
vcpu.0.wait=0
vcpu.0.delay=33632672
vcpu.0.halted=yes
block.count=2
block.0.name=vda
block.0.path=/img1
block.0.backingIndex=1
block.0.rd.reqs=1
block.0.rd.bytes=512
block.0.rd.times=141684
block.0.allocation=0
block.0.capacity=1048576
block.1.name=sda
dirtyrate.calc_status=2
dirtyrate.calc_period=1
dirtyrate.megabytes_per_second=3";

#[test]
fn d20_what_a_running_vm_uses_is_told_in_seconds_and_bytes() {
    expect![[r#"
        hostler_vm_cpu_seconds_total{} 0.69
        hostler_vm_cpu_user_seconds_total{} 0.36
        hostler_vm_cpu_system_seconds_total{} 0.33
        hostler_vm_memory_balloon_bytes{} 50331648
        hostler_vm_memory_maximum_bytes{} 67108864
        hostler_vm_memory_swap_in_bytes_total{} 2048
        hostler_vm_memory_major_faults_total{} 7
        hostler_vm_memory_guest_available_bytes{} 40960000
        hostler_vm_memory_guest_usable_bytes{} 30720000
        hostler_vm_memory_host_resident_bytes{} 45797376
        hostler_vm_vcpus{} 1
        hostler_vm_vcpus_maximum{} 2
        hostler_vm_memory_balloon_update_time_seconds{} 1700000000
        hostler_vm_memory_dirty_bytes_per_second{} 3145728
        hostler_vm_vcpu_state{0,running} 1
        hostler_vm_vcpu_seconds_total{0} 0.21
        hostler_vm_vcpu_wait_seconds_total{0} 0
        hostler_vm_vcpu_delay_seconds_total{0} 0.033632672
        hostler_vm_vcpu_halted{0} 1
        hostler_vm_disk_reads_total{vda} 1
        hostler_vm_disk_read_bytes_total{vda} 512
        hostler_vm_disk_read_seconds_total{vda} 0.000141684
        hostler_vm_disk_allocation_bytes{vda} 0
        hostler_vm_disk_capacity_bytes{vda} 1048576
    "#]]
    .assert_eq(&shown(&usage(&said(RUNNING))));
}

#[test]
fn x15_no_guest_memory_is_told_that_the_balloon_driver_never_told() {
    let told = usage(&said("balloon.current=1\nballoon.last-update=0\nballoon.rss=1"));
    let expected = "hostler_vm_memory_balloon_bytes{} 1024\n\
                    hostler_vm_memory_host_resident_bytes{} 1024\n";
    assert_eq!(shown(&told), expected);
}

#[test]
fn x17_a_dirty_rate_that_was_not_measured_is_absent() {
    for status in ["0", "1", "unstarted"] {
        let text = format!("dirtyrate.calc_status={status}\ndirtyrate.megabytes_per_second=0");
        assert_eq!(usage(&said(&text)), []);
    }
}

#[test]
fn d20_network_counters_bear_the_name_of_their_interface() {
    let told = network(&said(
        "net.count=2\nnet.0.name=vnet0\nnet.0.rx.bytes=1\nnet.0.rx.pkts=2\nnet.0.rx.errs=3\n\
         net.0.rx.drop=4\nnet.0.tx.bytes=5\nnet.0.tx.pkts=6\nnet.0.tx.errs=7\nnet.0.tx.drop=8\n\
         net.1.rx.bytes=9\nnet.2.name=vnet0\nnet.2.rx.bytes=10",
    ));
    expect![[r#"
        hostler_vm_network_received_bytes_total{vnet0} 1
        hostler_vm_network_received_packets_total{vnet0} 2
        hostler_vm_network_receive_errors_total{vnet0} 3
        hostler_vm_network_receive_drops_total{vnet0} 4
        hostler_vm_network_sent_bytes_total{vnet0} 5
        hostler_vm_network_sent_packets_total{vnet0} 6
        hostler_vm_network_send_errors_total{vnet0} 7
        hostler_vm_network_send_drops_total{vnet0} 8
    "#]]
    .assert_eq(&shown(&told));
}

#[test]
fn x17_what_libvirt_gives_as_negative_is_absent() {
    let params = [
        TypedParam::new("net.0.name", "vnet0"),
        TypedParam::new("net.0.rx.bytes", -1_i64),
        TypedParam::new("net.0.tx.bytes", 0_i64),
    ];
    assert_eq!(shown(&network(&params)), "hostler_vm_network_sent_bytes_total{vnet0} 0\n");
}

/// As libvirt 9.0 answered for a VM whose monitor another call was waiting for.
#[test]
fn f7_an_answer_without_the_hypervisors_part_is_not_taken_for_a_whole_one() {
    let partial = said("state.state=1\ncpu.time=1\nballoon.current=49152\nballoon.maximum=49152");
    assert!(!is_whole(&partial));
    assert!(is_whole(&said(RUNNING)));
    assert!(is_whole(&said("state.state=1")), "another driver, which tells no more");
}

#[test]
fn d21_a_job_tells_how_far_it_is_by_part() {
    let told = job(&said(
        "operation=5\ntime_elapsed=1500\ndowntime=300\nmemory_total=100\nmemory_processed=60\n\
         memory_remaining=40\nmemory_dirty_rate=9\nmemory_page_size=4096\ndisk_total=0\n\
         data_remaining=40",
    ));
    expect![[r#"
        hostler_vm_job_elapsed_seconds{migration_out} 1.5
        hostler_vm_job_downtime_seconds{migration_out} 0.3
        hostler_vm_job_total_bytes{migration_out,memory} 100
        hostler_vm_job_processed_bytes{migration_out,memory} 60
        hostler_vm_job_left_bytes{migration_out,memory} 40
        hostler_vm_job_dirty_pages_per_second{migration_out} 9
        hostler_vm_job_total_bytes{migration_out,disk} 0
        hostler_vm_job_left_bytes{migration_out,data} 40
    "#]]
    .assert_eq(&shown(&told));
    assert_eq!(shown(&job(&said("operation=99\ntime_elapsed=0"))), {
        "hostler_vm_job_elapsed_seconds{unknown} 0\n"
    });
}

#[test]
fn every_metric_of_a_table_belongs_to_the_pass_that_tells_it() {
    use hostler_core::metrics::{Cost, Resource};
    let tables = [
        (PLAIN, Cost::Stats),
        (VCPU, Cost::Stats),
        (DISK, Cost::Stats),
        (INTERFACE, Cost::State),
        (JOB, Cost::Job),
        (JOB_PART, Cost::Job),
    ];
    for (table, cost) in tables {
        for (field, metric, _) in table {
            let family = metric.family();
            assert_eq!((family.resource, family.cost), (Resource::Vm, cost), "{field}");
        }
    }
}

fn any_value() -> impl Strategy<Value = TypedValue> {
    prop_oneof![
        any::<i32>().prop_map(TypedValue::Int),
        any::<i64>().prop_map(TypedValue::Llong),
        any::<u64>().prop_map(TypedValue::Ullong),
        any::<f64>().prop_map(TypedValue::Double),
        any::<bool>().prop_map(TypedValue::Boolean),
        "[a-z]{0,3}".prop_map(TypedValue::String),
    ]
}

proptest! {
    #[test]
    fn x17_whatever_a_daemon_says_points_are_sound_and_none_is_told_twice(
        fields in proptest::collection::vec(
            ("(cpu|vcpu|net|block|balloon)\\.[0-2]?\\.?(time|name|state|rd\\.bytes|rx\\.bytes|rss)",
             any_value()),
            0..40,
        )
    ) {
        let mut params = Vec::new();
        for (field, value) in fields {
            // A list with one field twice is refused by libvirt itself.
            if !params.iter().any(|param: &TypedParam| param.field == field) {
                params.push(TypedParam { field, value });
            }
        }
        for points in [usage(&params), network(&params), job(&params)] {
            let mut told = HashSet::new();
            for point in points {
                prop_assert!(point.is_sound() && point.value >= 0.0, "{point:?}");
                prop_assert!(told.insert((point.metric, point.labels.clone())), "{point:?}");
            }
        }
    }
}
