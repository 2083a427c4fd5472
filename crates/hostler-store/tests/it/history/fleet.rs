//! A fleet that is measured: 60 series a VM, as libvirt gives them, the same for the
//! same seed. Three of ten VMs idle, five do a little, two are busy.
//!
//! What a series costs depends on what it is: most of what is measured of a VM does not
//! change (sizes, states, errors), some grows by whole bytes and requests, and a few
//! count nanoseconds, which nothing makes small.

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::{Archive, Options};

use super::{DAY, HOUR, SECOND, START};

/// A stream of numbers (splitmix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// Stays as it is.
    Constant,
    /// Grows by up to so many nanoseconds a pass, told in seconds.
    Nanoseconds(u64),
    /// Grows by up to so much a pass.
    Counter(u64),
    /// Goes up and down by up to so many pages of 4 KiB.
    Pages(u64),
}

struct Measured {
    key: SeriesKey,
    kind: Kind,
    number: u64,
    /// How many of a hundred passes see it change.
    activity: u64,
}

/// The series of some VMs.
pub(crate) struct Fleet {
    numbers: Numbers,
    series: Vec<Measured>,
}

impl Fleet {
    pub(crate) fn new(seed: u64, vms: usize) -> Self {
        let mut numbers = Numbers::new(seed);
        let mut series = Vec::new();
        for vm in 0..vms {
            let activity = match vm % 10 {
                0..3 => 2,
                3..8 => 30,
                _ => 100,
            };
            for (name, device, kind) in of_a_vm() {
                let mut labels = vec![
                    ("vm", format!("vm-{vm:03}")),
                    ("host", format!("node-{}.example", vm % 4)),
                    ("project", "default".to_owned()),
                ];
                if let Some((label, device)) = device {
                    labels.push((label, device));
                }
                let key = SeriesKey::new(name, labels).unwrap();
                let number = numbers.below(1 << 30);
                series.push(Measured { key, kind, number, activity });
            }
        }
        Self { numbers, series }
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// What a pass measures.
    pub(crate) fn pass(&mut self, at_ms: i64) -> Vec<(SeriesKey, Sample)> {
        let numbers = &mut self.numbers;
        let mut measure = |measured: &mut Measured| {
            let changes = numbers.below(100) < measured.activity;
            let grown =
                |most: u64, numbers: &mut Numbers| if changes { numbers.below(most) } else { 0 };
            let value = match measured.kind {
                Kind::Constant => measured.number as f64,
                Kind::Nanoseconds(most) => {
                    measured.number += grown(most, numbers);
                    measured.number as f64 / 1e9
                }
                Kind::Counter(most) => {
                    measured.number += grown(most, numbers);
                    measured.number as f64
                }
                Kind::Pages(most) => {
                    let up = grown(most, numbers) * 4096;
                    let down = grown(most, numbers) * 4096;
                    measured.number =
                        (measured.number & !4095).saturating_add(up).saturating_sub(down);
                    measured.number as f64
                }
            };
            (measured.key.clone(), Sample { at_ms, value })
        };
        self.series.iter_mut().map(&mut measure).collect()
    }
}

type Row = (&'static str, Option<(&'static str, String)>, Kind);

/// 60 series.
fn of_a_vm() -> Vec<Row> {
    let mut rows: Vec<Row> = vec![
        ("hostler_vm_cpu_seconds_total", None, Kind::Nanoseconds(8_000_000_000)),
        ("hostler_vm_cpu_user_seconds_total", None, Kind::Nanoseconds(4_000_000_000)),
        ("hostler_vm_cpu_system_seconds_total", None, Kind::Nanoseconds(1_000_000_000)),
        ("hostler_vm_memory_rss_bytes", None, Kind::Pages(500)),
        ("hostler_vm_memory_unused_bytes", None, Kind::Pages(2_000)),
        ("hostler_vm_memory_usable_bytes", None, Kind::Pages(2_000)),
        ("hostler_vm_memory_disk_caches_bytes", None, Kind::Pages(500)),
        ("hostler_vm_memory_major_faults_total", None, Kind::Counter(10)),
        ("hostler_vm_memory_minor_faults_total", None, Kind::Counter(5_000)),
        ("hostler_vm_memory_swap_in_bytes_total", None, Kind::Constant),
        ("hostler_vm_memory_swap_out_bytes_total", None, Kind::Constant),
        ("hostler_vm_balloon_last_update_seconds", None, Kind::Counter(11)),
    ];
    for name in
        ["state", "vcpus", "memory_maximum_bytes", "memory_balloon_bytes", "up", "persistent"]
    {
        let name: &'static str = match name {
            "state" => "hostler_vm_state",
            "vcpus" => "hostler_vm_vcpus",
            "memory_maximum_bytes" => "hostler_vm_memory_maximum_bytes",
            "memory_balloon_bytes" => "hostler_vm_memory_balloon_bytes",
            "up" => "hostler_vm_up",
            _ => "hostler_vm_persistent",
        };
        rows.push((name, None, Kind::Constant));
    }
    for vcpu in 0..4 {
        let of = |name, kind| (name, Some(("vcpu", vcpu.to_string())), kind);
        rows.push(of("hostler_vm_vcpu_seconds_total", Kind::Nanoseconds(2_000_000_000)));
        rows.push(of("hostler_vm_vcpu_wait_seconds_total", Kind::Nanoseconds(50_000_000)));
        rows.push(of("hostler_vm_vcpu_delay_seconds_total", Kind::Nanoseconds(20_000_000)));
        rows.push(of("hostler_vm_vcpu_state", Kind::Constant));
    }
    for disk in ["vda", "vdb"] {
        let of = |name, kind| (name, Some(("device", disk.to_owned())), kind);
        // The second disk is hardly used.
        let used = |kind| if disk == "vda" { kind } else { Kind::Constant };
        rows.push(of("hostler_vm_block_read_bytes_total", used(Kind::Counter(1 << 22))));
        rows.push(of("hostler_vm_block_written_bytes_total", used(Kind::Counter(1 << 22))));
        rows.push(of("hostler_vm_block_reads_total", used(Kind::Counter(200))));
        rows.push(of("hostler_vm_block_writes_total", used(Kind::Counter(400))));
        rows.push(of("hostler_vm_block_read_seconds_total", used(Kind::Nanoseconds(1 << 27))));
        rows.push(of("hostler_vm_block_write_seconds_total", used(Kind::Nanoseconds(1 << 27))));
        rows.push(of("hostler_vm_block_flushes_total", used(Kind::Counter(20))));
        rows.push(of("hostler_vm_block_capacity_bytes", Kind::Constant));
        rows.push(of("hostler_vm_block_allocation_bytes", used(Kind::Pages(100))));
    }
    let of = |name, kind| (name, Some(("device", "vnet0".to_owned())), kind);
    rows.push(of("hostler_vm_net_received_bytes_total", Kind::Counter(1 << 20)));
    rows.push(of("hostler_vm_net_sent_bytes_total", Kind::Counter(1 << 20)));
    rows.push(of("hostler_vm_net_received_packets_total", Kind::Counter(1_000)));
    rows.push(of("hostler_vm_net_sent_packets_total", Kind::Counter(1_000)));
    rows.push(of("hostler_vm_net_receive_errors_total", Kind::Constant));
    rows.push(of("hostler_vm_net_send_errors_total", Kind::Constant));
    rows.push(of("hostler_vm_net_receive_drops_total", Kind::Constant));
    rows.push(of("hostler_vm_net_send_drops_total", Kind::Constant));
    assert_eq!(rows.len(), 60);
    rows
}

/// D22: two bytes a sample, with everything that a partition is, of passes whose clock
/// wavers by a millisecond or two.
#[test]
fn d22_a_sample_of_a_fleet_takes_little_more_than_a_byte() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::open(directory.path(), Options::default()).unwrap();
    let mut fleet = Fleet::new(7, 10);
    let mut numbers = Numbers::new(8);
    let passes = 4 * 360;
    for pass in 0..passes {
        let at_ms = START + pass * 10 * SECOND + numbers.below(4) as i64;
        let batch = fleet.pass(at_ms);
        let appended = archive.append(at_ms, &batch).unwrap();
        assert_eq!(appended.written, batch.len() as u64);
    }
    let written = fleet.len() as u64 * passes as u64;
    archive.checkpoint().unwrap();
    let stats = archive.stats();
    assert_eq!(stats.samples, written);
    let open = stats.bytes_per_sample.unwrap();
    println!("{} samples of {} series", stats.samples, stats.active_series);
    println!("in a partition that is written to: {open:.3} bytes a sample");
    // Once the day is over.
    archive.maintain(START + DAY + 2 * HOUR).unwrap();
    let stats = archive.stats();
    let closed = stats.bytes_per_sample.unwrap();
    println!("in one that is closed: {closed:.3}; with roll-ups and log {} bytes", stats.bytes);
    assert!(open <= 2.5 && closed <= 2.0, "{open} and {closed} bytes a sample");
}
