//! Measuring a simulated world. The figures are made up and follow from a VM's
//! identity and how long it has run, so that they move like real ones, are the
//! same for the same world, and no counter ever goes back while its VM runs.
//!
//! ```text
//!   load at t      base + swing · sin(t · pace)            with swing < base
//!   what it sums   base · t + swing / pace · (1 − cos(t · pace))
//! ```

use async_trait::async_trait;
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_core::vm::PowerState;
use hostler_core::{Fact, Timestamp};
use hostler_provider::{Batch, Cx, Measured, Metrics, PoolRef, Result, Silent};

use crate::verb::Verb;
use crate::world::state::State;
use crate::world::vm::Vm;
use crate::{Sim, Target};

#[async_trait]
impl Metrics for Sim {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State, Cost::Stats]
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        self.call(cx, Verb::Measure, Target::Everything, async {
            let hung = |vm: &Vm| self.world.faults().is_vm_hung(&vm.external_ref, &vm.name);
            Ok(self.world.read(|state| match pass {
                Cost::State => states(state, cx.now()),
                Cost::Stats => stats(state, cx.now(), hung),
                Cost::Job | Cost::Guest | Cost::Own => Batch::default(),
            }))
        })
        .await
    }
}

/// What one call for all tells, whoever hangs.
fn states(state: &State, now: Timestamp) -> Batch {
    let vms = state.vms.values().map(|vm| {
        let mut points = vec![Point::labelled(
            Metric::VmHypervisorInfo,
            Labels::new(["sim", "none", "sim", "high"]),
            1.0,
        )];
        if let Some(ran) = ran(vm) {
            points.extend(network(vm, ran));
        }
        Measured { of: vm.vm_ref(), at: now, points }
    });
    let hosts = state.hosts.iter().map(|(name, host)| {
        let points = vec![
            Point::plain(Metric::HostCpus, f64::from(host.setup.cpu_count)),
            Point::plain(Metric::HostMemoryTotalBytes, host.setup.memory_bytes as f64),
        ];
        Measured { of: name.clone(), at: now, points }
    });
    let pools = state.reachable().map(|((host, name), pool)| {
        let seen = pool.observed(host, name, now);
        let sizes = [
            (Metric::PoolCapacityBytes, &seen.capacity_bytes),
            (Metric::PoolAllocatedBytes, &seen.allocated_bytes),
            (Metric::PoolAvailableBytes, &seen.available_bytes),
        ];
        let of = PoolRef { host_ref: seen.host_ref.clone(), name: seen.name.clone() };
        Measured { of, at: now, points: sizes.into_iter().filter_map(size).collect() }
    });
    Batch { vms: vms.collect(), hosts: hosts.collect(), pools: pools.collect(), ..Batch::default() }
}

fn size((metric, fact): (Metric, &Fact<u64>)) -> Option<Point> {
    Some(Point::plain(metric, *fact.value()? as f64))
}

/// What each VM that runs tells, unless it hangs.
fn stats(state: &State, now: Timestamp, hung: impl Fn(&Vm) -> bool) -> Batch {
    let mut batch = Batch::default();
    for vm in state.vms.values() {
        let Some(ran) = ran(vm) else { continue };
        if hung(vm) {
            let reason = "the VM does not answer".to_owned();
            batch.silent.push(Silent { vm: vm.vm_ref(), reason });
        } else {
            let points = running(vm, ran, now);
            batch.vms.push(Measured { of: vm.vm_ref(), at: now, points });
        }
    }
    batch
}

/// How long it has run, while it does.
fn ran(vm: &Vm) -> Option<f64> {
    let since = vm.running_since.filter(|_| vm.power == PowerState::Running)?;
    Some(since.elapsed().as_secs_f64())
}

/// Between 0 and 1, always the same for a VM and a purpose.
fn trait_of(vm: &Vm, purpose: &str) -> f64 {
    // FNV: small, and the same on every machine and in every version.
    let bytes = vm.external_ref.bytes().chain(purpose.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The sum after `ran` seconds of a load that swings around `base` a second.
fn sum(vm: &Vm, purpose: &str, base: f64, ran: f64) -> f64 {
    let swing = base * 0.8 * trait_of(vm, purpose);
    let pace = std::f64::consts::TAU / (60.0 + 540.0 * trait_of(vm, "pace"));
    base * ran + swing / pace * (1.0 - (ran * pace).cos())
}

fn running(vm: &Vm, ran: f64, now: Timestamp) -> Vec<Point> {
    let cpus = vm.spec.cpu.count;
    let mut points = vec![
        Point::plain(Metric::VmVcpus, f64::from(cpus)),
        Point::plain(Metric::VmVcpusMaximum, f64::from(vm.spec.cpu.max_count.unwrap_or(cpus))),
    ];
    let mut all = 0.0;
    for vcpu in 0..cpus {
        let name = vcpu.to_string();
        let base = 0.02 + 0.4 * trait_of(vm, &format!("vcpu{name}"));
        let took = sum(vm, "cpu", base, ran);
        all += took;
        let label = Labels::one(name);
        points.push(Point::labelled(Metric::VmVcpuSecondsTotal, label.clone(), took));
        let delay = sum(vm, "delay", base * 0.01, ran);
        points.push(Point::labelled(Metric::VmVcpuDelaySecondsTotal, label, delay));
    }
    points.push(Point::plain(Metric::VmCpuSecondsTotal, all));
    points.extend(memory(vm, ran, now));
    points.extend(vm.spec.disks.iter().enumerate().flat_map(|(index, _)| disk(vm, index, ran)));
    points
}

fn memory(vm: &Vm, ran: f64, now: Timestamp) -> Vec<Point> {
    let all = vm.spec.memory.bytes as f64;
    let swing = (ran / 300.0 * (0.5 + trait_of(vm, "swing"))).sin();
    let used = 0.2 + 0.5 * trait_of(vm, "memory") + 0.08 * swing;
    let told = [
        (Metric::VmMemoryMaximumBytes, all),
        (Metric::VmMemoryBalloonBytes, all),
        (Metric::VmMemoryHostResidentBytes, all * (0.5 + 0.5 * used)),
        (Metric::VmMemoryGuestAvailableBytes, all),
        (Metric::VmMemoryGuestUsableBytes, all * (1.0 - used)),
        (Metric::VmMemoryBalloonUpdateTimeSeconds, now.as_micros() as f64 / 1e6),
    ];
    told.into_iter().map(|(metric, value)| Point::plain(metric, value.round())).collect()
}

fn disk(vm: &Vm, index: usize, ran: f64) -> Vec<Point> {
    let label = Labels::one(format!("vd{}", char::from(b'a' + (index % 26) as u8)));
    let purpose = format!("disk{index}");
    let reads = sum(vm, &purpose, 1.0 + 80.0 * trait_of(vm, &purpose), ran);
    let writes = sum(vm, &purpose, 1.0 + 40.0 * trait_of(vm, &purpose), ran);
    let told = [
        (Metric::VmDiskReadsTotal, reads.floor()),
        (Metric::VmDiskReadBytesTotal, (reads * 16_384.0).floor()),
        (Metric::VmDiskReadSecondsTotal, reads * 0.0004),
        (Metric::VmDiskWritesTotal, writes.floor()),
        (Metric::VmDiskWrittenBytesTotal, (writes * 8_192.0).floor()),
        (Metric::VmDiskWriteSecondsTotal, writes * 0.0009),
    ];
    let points = told.into_iter();
    points.map(|(metric, value)| Point::labelled(metric, label.clone(), value)).collect()
}

fn network(vm: &Vm, ran: f64) -> Vec<Point> {
    let one = |index: usize| {
        let label = Labels::one(format!("sim{index}"));
        let purpose = format!("net{index}");
        let received = sum(vm, &purpose, 2.0 + 500.0 * trait_of(vm, &purpose), ran);
        let sent = sum(vm, &purpose, 2.0 + 300.0 * trait_of(vm, &purpose), ran);
        let told = [
            (Metric::VmNetworkReceivedPacketsTotal, received.floor()),
            (Metric::VmNetworkReceivedBytesTotal, (received * 700.0).floor()),
            (Metric::VmNetworkSentPacketsTotal, sent.floor()),
            (Metric::VmNetworkSentBytesTotal, (sent * 900.0).floor()),
        ];
        told.map(|(metric, value)| Point::labelled(metric, label.clone(), value))
    };
    (0..vm.nics.len()).flat_map(one).collect()
}
