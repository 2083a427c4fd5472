//! Figures of real guests: equal to what libvirt itself says, of the right VM,
//! and of all that answer whoever does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::{Cost, Metric, Point};
use hostler_core::vm::devices::*;
use hostler_lab::TestDaemon;
use hostler_lab::guest::BANNER;
use hostler_libvirt::Libvirt;
use hostler_provider::conformance::{Harness, Setting, run_some};
use hostler_provider::*;
use tokio::io::AsyncWriteExt;

use super::faults::idle;
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(150);

async fn collect(libvirt: &Libvirt, pass: Cost) -> Batch {
    libvirt.metrics().unwrap().collect(&cx(), pass).await.unwrap()
}

fn find<'a>(batch: &'a Batch, vm: &VmRef) -> Option<&'a Measured<VmRef>> {
    batch.vms.iter().find(|one| one.of.external_ref == vm.external_ref)
}

/// A pass in which that VM is measured.
async fn measured(world: &World, pass: Cost, vm: &VmRef) -> Measured<VmRef> {
    eventually(&format!("{vm} is measured"), PATIENCE, || async {
        find(&collect(&world.libvirt, pass).await, vm).cloned()
    })
    .await
}

fn value(points: &[Point], metric: Metric, labels: &[&str]) -> Option<f64> {
    let is_it = |point: &&Point| {
        point.metric == metric && point.labels.values().iter().map(|l| &**l).eq(labels.to_vec())
    };
    points.iter().find(is_it).map(|point| point.value)
}

/// What `virsh` prints as `field=value` lines.
fn said(world: &World, arguments: &[&str]) -> HashMap<String, String> {
    let output = world.lab.virsh(arguments.iter().copied()).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        let (field, value) = line.split_once([':', '='])?;
        Some((field.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// A booted sample guest with a disk and, where it is wanted, a network.
async fn booted(world: &World, name: &str, has_nic: bool) -> (VmRef, Box<dyn ConsoleStream>) {
    let mut spec = guest_spec(name);
    if has_nic {
        spec.nics.push(NicSpec {
            source: NicSource::Network("default".into()),
            model: NicModel::Virtio,
            mac: None,
            link_up: true,
        });
    }
    let vm = world.make(&spec).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let console = world.hears(&vm, BANNER).await;
    (vm, console)
}

/// Which of our metrics is which field, times how much.
const COUNTERS: &[(&str, Metric, &str, f64)] = &[
    ("cpu.time", Metric::VmCpuSecondsTotal, "", 1e-9),
    ("vcpu.0.time", Metric::VmVcpuSecondsTotal, "0", 1e-9),
    ("vcpu.0.delay", Metric::VmVcpuDelaySecondsTotal, "0", 1e-9),
    ("block.0.rd.bytes", Metric::VmDiskReadBytesTotal, "vda", 1.0),
    ("block.0.rd.reqs", Metric::VmDiskReadsTotal, "vda", 1.0),
    ("block.0.rd.times", Metric::VmDiskReadSecondsTotal, "vda", 1e-9),
    ("block.0.wr.bytes", Metric::VmDiskWrittenBytesTotal, "vda", 1.0),
    ("block.0.wr.reqs", Metric::VmDiskWritesTotal, "vda", 1.0),
    ("block.0.fl.reqs", Metric::VmDiskFlushesTotal, "vda", 1.0),
    ("block.0.capacity", Metric::VmDiskCapacityBytes, "vda", 1.0),
    ("block.0.physical", Metric::VmDiskPhysicalBytes, "vda", 1.0),
    ("balloon.maximum", Metric::VmMemoryMaximumBytes, "", 1024.0),
    ("vcpu.current", Metric::VmVcpus, "", 1.0),
];

#[tokio::test(flavor = "multi_thread")]
async fn x14_x15_figures_are_those_that_virsh_tells() {
    let world = World::new("metrics").await;
    let (vm, _console) = booted(&world, "measured", true).await;
    // The balloon's driver tells every few seconds, once it is loaded; and a guest asks for an
    // address when it comes to that.
    let what = "the guest's balloon driver tells its memory, and it has sent something";
    let told = eventually(what, PATIENCE, || async {
        let state = measured(&world, Cost::State, &vm).await;
        let is_sent = |it: &Point| it.metric == Metric::VmNetworkSentBytesTotal && it.value > 0.0;
        let has_sent = state.points.iter().any(is_sent);
        let told = measured(&world, Cost::Stats, &vm).await;
        let usable = value(&told.points, Metric::VmMemoryGuestUsableBytes, &[]);
        let at = value(&told.points, Metric::VmMemoryBalloonUpdateTimeSeconds, &[]);
        (has_sent && usable.is_some() && at.is_some()).then_some(told)
    });
    told.await;
    let before = said(&world, &["domstats", "measured"]);
    let usage = measured(&world, Cost::Stats, &vm).await;
    let state = measured(&world, Cost::State, &vm).await;
    let after = said(&world, &["domstats", "measured"]);
    let between = |points: &[Point], field: &str, metric, label: &str, factor: f64| {
        let labels: Vec<&str> = Some(label).filter(|label| !label.is_empty()).into_iter().collect();
        let told = value(points, metric, &labels).unwrap_or_else(|| panic!("no {field}"));
        let [least, most] =
            [&before, &after].map(|said| said[field].parse::<f64>().unwrap() * factor);
        let slack = most.abs() * 1e-9;
        assert!(least - slack <= told && told <= most + slack, "{field}: {least} {told} {most}");
    };
    for (field, metric, label, factor) in COUNTERS {
        between(&usage.points, field, *metric, label, *factor);
    }
    let name = before["net.0.name"].as_str();
    for (field, metric) in [
        ("net.0.rx.bytes", Metric::VmNetworkReceivedBytesTotal),
        ("net.0.tx.bytes", Metric::VmNetworkSentBytesTotal),
        ("net.0.rx.pkts", Metric::VmNetworkReceivedPacketsTotal),
        ("net.0.tx.pkts", Metric::VmNetworkSentPacketsTotal),
        ("net.0.rx.drop", Metric::VmNetworkReceiveDropsTotal),
    ] {
        between(&state.points, field, metric, name, 1.0);
    }
    assert!(value(&state.points, Metric::VmNetworkSentBytesTotal, &[name]).unwrap() > 0.0);
    assert_eq!(value(&state.points, Metric::VmState, &["running"]), Some(1.0));
    let by = ["qemu", "tcg", "libvirt", "high"];
    assert_eq!(value(&state.points, Metric::VmHypervisorInfo, &by), Some(1.0));

    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    let state = measured(&world, Cost::State, &vm).await;
    assert_eq!(value(&state.points, Metric::VmState, &["stopped"]), Some(1.0));
    assert!(state.points.iter().all(|point| point.metric == Metric::VmState), "{state:?}");
    let usage = collect(&world.libvirt, Cost::Stats).await;
    assert!(usage.vms.is_empty() && usage.silent.is_empty(), "{usage:?}");
    has_figures_of_host_and_pool(&world, &usage).await;
}

async fn has_figures_of_host_and_pool(world: &World, usage: &Batch) {
    let state = collect(&world.libvirt, Cost::State).await;
    let [host] = &state.hosts[..] else { panic!("{state:?}") };
    assert_eq!(host.of, world.host);
    let node = said(world, &["nodeinfo"]);
    assert_eq!(value(&host.points, Metric::HostCpus, &[]), node["CPU(s)"].parse().ok());
    let kib: f64 = node["Memory size"].trim_end_matches(" KiB").parse().unwrap();
    assert_eq!(value(&host.points, Metric::HostMemoryTotalBytes, &[]), Some(kib * 1024.0));
    let [pool] = &state.pools[..] else { panic!("{state:?}") };
    assert_eq!(value(&pool.points, Metric::PoolState, &["running"]), Some(1.0));
    let info = said(world, &["pool-info", "default", "--bytes"]);
    let capacity = value(&pool.points, Metric::PoolCapacityBytes, &[]);
    assert_eq!(capacity, info["Capacity"].parse().ok());
    let points = &usage.hosts[0].points;
    for mode in ["user_nice", "kernel", "idle"] {
        let told = value(points, Metric::HostCpuSecondsTotal, &[mode]);
        assert!(told.is_some_and(|seconds| seconds > 0.0), "{points:?}");
    }
    assert!(value(points, Metric::HostMemoryFreeBytes, &[]).is_some_and(|free| free > 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn d9_a_guest_that_computes_moves_its_own_figure_and_nobody_elses() {
    let world = World::new("burn").await;
    let (quiet, _console) = booted(&world, "quiet", false).await;
    let (busy, mut console) = booted(&world, "busy", false).await;
    console.write_all(b"while :; do :; done &\n").await.unwrap();
    let took = async || {
        let batch = eventually("both are measured", PATIENCE, || async {
            let batch = collect(&world.libvirt, Cost::Stats).await;
            (batch.vms.len() == 2).then_some(batch)
        })
        .await;
        [&busy, &quiet].map(|vm| {
            let points = &find(&batch, vm).unwrap().points;
            let all = value(points, Metric::VmCpuSecondsTotal, &[]).unwrap();
            let vcpu = value(points, Metric::VmVcpuSecondsTotal, &["0"]).unwrap();
            (all, vcpu)
        })
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut earlier = took().await;
    loop {
        let now = took().await;
        let [of_busy, of_quiet] = [0, 1].map(|n| now[n].0 - earlier[n].0);
        let of_vcpu = now[0].1 - earlier[0].1;
        if of_busy >= 2.0 {
            if of_quiet * 4.0 < of_busy && of_vcpu * 2.0 > of_busy {
                return;
            }
            earlier = now; // it may just have been booting
        }
        let told = format!("busy {of_busy} s, its processor {of_vcpu} s, quiet {of_quiet} s");
        assert!(tokio::time::Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_d21_a_hung_guest_is_named_and_costs_nobody_elses_figures() {
    let world = World::new("silent").await;
    let mut vms = Vec::new();
    for number in 0..10 {
        vms.push(idle(&world, &format!("vm{number}")).await);
    }
    let all_but = async |silent: usize| {
        eventually(&format!("all but {silent} are measured"), PATIENCE, || async {
            let batch = collect(&world.libvirt, Cost::Stats).await;
            let is_whole = |one: &Measured<VmRef>| {
                value(&one.points, Metric::VmMemoryHostResidentBytes, &[]).is_some()
                    && value(&one.points, Metric::VmVcpus, &[]).is_some()
            };
            assert!(batch.vms.iter().all(is_whole), "{batch:?}");
            (batch.vms.len() == 10 - silent && batch.silent.len() == silent).then_some(batch)
        })
        .await
    };
    all_but(0).await;
    let processes = ["vm3", "vm8"].map(|name| world.lab.qemu_pid(name).unwrap());
    for (count, process) in processes.iter().enumerate() {
        world.lab.signal(*process, 19).unwrap();
        let batch = all_but(count + 1).await;
        let mut silent: Vec<_> = batch.silent.iter().map(|one| one.vm.name.as_str()).collect();
        silent.sort_unstable();
        assert_eq!(silent, ["vm3", "vm8"][..=count]);
        for one in &batch.silent {
            assert!(one.reason.contains("not answer"), "{}", one.reason);
        }
    }
    // Nobody waits for them any more, and their state is still told.
    for _ in 0..3 {
        all_but(2).await;
        assert_eq!(collect(&world.libvirt, Cost::Job).await, Batch::default());
        let state = collect(&world.libvirt, Cost::State).await;
        assert_eq!(state.vms.len(), 10);
        let hung = find(&state, &vms[3]).unwrap();
        assert_eq!(value(&hung.points, Metric::VmState, &["running"]), Some(1.0));
    }
    for process in processes {
        world.lab.signal(process, 18).unwrap();
    }
    all_but(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d22_a_guests_agent_tells_its_file_systems_and_a_hung_one_is_down() {
    let world = World::new("agents").await;
    let (vm, _console) = booted(&world, "talks", false).await;
    let silent = idle(&world, "has-no-agent").await;
    let told = measured(&world, Cost::Guest, &vm).await;
    assert_eq!(value(&told.points, Metric::VmGuestAgentUp, &[]), Some(1.0));
    let info = said(&world, &["guestinfo", "talks", "--filesystem", "--user"]);
    // Not told where there is none.
    let count: usize = info.get("fs.count").map_or(0, |count| count.parse().unwrap());
    let sizes: BTreeMap<_, _> = (0..count)
        .filter_map(|n| {
            let size = info.get(&format!("fs.{n}.total-bytes"))?.parse::<f64>().ok()?;
            Some((info[&format!("fs.{n}.mountpoint")].clone(), size))
        })
        .collect();
    let of = |metric| {
        let points = told.points.iter().filter(move |point| point.metric == metric);
        points.map(|point| (point.labels.values()[0].to_string(), point.value))
    };
    assert_eq!(of(Metric::VmGuestFilesystemSizeBytes).collect::<BTreeMap<_, _>>(), sizes);
    let users = info.get("user.count").and_then(|count| count.parse().ok());
    assert_eq!(value(&told.points, Metric::VmGuestUsers, &[]), users);
    let batch = collect(&world.libvirt, Cost::Guest).await;
    assert!(find(&batch, &silent).is_none(), "nothing was asked, so nothing is down");

    let process = world.lab.qemu_pid("talks").unwrap();
    let is = async |up: f64| {
        eventually(&format!("the agent is told to be {up}"), PATIENCE, || async {
            let batch = collect(&world.libvirt, Cost::Guest).await;
            let told = find(&batch, &vm)?;
            if up < 1.0 && value(&told.points, Metric::VmGuestAgentUp, &[]) == Some(up) {
                assert_eq!(told.points.len(), 1, "what it said before is not told: {told:?}");
            }
            (value(&told.points, Metric::VmGuestAgentUp, &[]) == Some(up)).then_some(())
        })
        .await;
    };
    world.lab.signal(process, 19).unwrap();
    is(0.0).await;
    world.lab.signal(process, 18).unwrap();
    is(1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d21_a_job_is_found_and_told_until_it_ends() {
    let world = World::new("jobs").await;
    let (vm, _console) = booted(&world, "backed-up", false).await;
    assert_eq!(collect(&world.libvirt, Cost::Job).await, Batch::default());
    // A backup that is fetched lasts until it is said to be over.
    let socket = world.lab.images_dir().join("backup.sock");
    let xml = format!(
        "<domainbackup mode='pull'><server transport='unix' socket='{}'/></domainbackup>",
        socket.display()
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), xml).unwrap();
    world.lab.virsh(["backup-begin", "backed-up", file.path().to_str().unwrap()]).unwrap();
    let told = measured(&world, Cost::Job, &vm).await;
    let elapsed = value(&told.points, Metric::VmJobElapsedSeconds, &["backup"]);
    assert!(elapsed.is_some_and(|seconds| seconds >= 0.0), "{told:?}");
    assert_eq!(said(&world, &["domjobinfo", "backed-up"])["Operation"], "Backup");
    world.lab.virsh(["domjobabort", "backed-up"]).unwrap();
    eventually("the job is told no more", PATIENCE, || async {
        (collect(&world.libvirt, Cost::Job).await == Batch::default()).then_some(())
    })
    .await;
}

/// The test driver as the suite sees it: nothing can be made there.
struct Pretended(TestDaemon);

#[async_trait]
impl Harness for Pretended {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Libvirt::new(patient(self.0.uri()))))
    }

    fn setting(&self) -> Setting {
        Setting {
            prefix: "conformance-".into(),
            ids: ids(),
            host_ref: "none".into(),
            pool: None,
            network: None,
            memory_bytes: 1 << 20,
            boot: None,
            call_within: Duration::from_secs(60),
            boot_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(60),
            promise_within: Duration::from_secs(240),
            limits: Vec::new(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x11_x17_of_the_test_driver_only_states_are_told_and_nothing_is_invented() {
    let daemon = TestDaemon::start("libvirt-metrics", 1000).unwrap();
    let libvirt = Libvirt::new(patient(daemon.uri()));
    // A document that was not read in time is read again later.
    let state = eventually("every document is read", PATIENCE, || async {
        let state = collect(&libvirt, Cost::State).await;
        let is_read = |one: &Measured<VmRef>| {
            let by = ["test", "unknown", "libvirt", "high"];
            value(&one.points, Metric::VmHypervisorInfo, &by) == Some(1.0)
        };
        state.vms.iter().all(is_read).then_some(state)
    })
    .await;
    assert_eq!((state.vms.len(), state.silent.len()), (1000, 0));
    for one in &state.vms {
        assert_eq!(value(&one.points, Metric::VmState, &["running"]), Some(1.0));
        let told = [Metric::VmState, Metric::VmHypervisorInfo];
        assert!(one.points.iter().all(|point| told.contains(&point.metric)), "{one:?}");
    }
    for pass in [Cost::Stats, Cost::Job, Cost::Guest] {
        // Of a thousand some are silent at first on a busy machine.
        let batch = eventually("all answer", PATIENCE, || async {
            let batch = collect(&libvirt, pass).await;
            batch.silent.is_empty().then_some(batch)
        });
        let batch = batch.await;
        assert!(batch.vms.is_empty(), "{pass:?}: {batch:?}");
    }
    let made_nowhere = [
        "every_declared_pass_can_be_made",
        "points_are_sound_and_belong_to_their_pass",
        "nothing_is_measured_twice_in_a_pass",
        "what_is_measured_is_in_the_inventory",
        "measurements_bear_the_time_of_the_context",
        "a_pass_obeys_cancel",
    ];
    let report = run_some(&Pretended(daemon), |name| made_nowhere.contains(&name)).await;
    report.assert_passed();
    assert_eq!(report.kept(), made_nowhere, "{report}");
}
