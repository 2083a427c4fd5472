//! The driver keeps the promises of the boundary, with a stand-in for the cluster. What
//! it cannot keep is named here with the reason; nothing else is skipped.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::clock::{Clock, ManualClock, SystemClock};
use hostler_core::id::{IdSource, SeededEntropy};
use hostler_kube_double::{Fault, Options, Refused, What};
use hostler_provider::conformance::{Harness, Limit, Report, Setting, promises, run_some};
use hostler_provider::{Group, Provider, Result, VmRef, groups};
use serde_json::{Value, json};

use crate::place::{PATIENCE, Place, busy, cx, machine};
use crate::sizes::kind;

/// Kubernetes has no hosts that hold what does not run.
const NOWHERE: &str = "a VM of KubeVirt that is off is on no node";
/// CDI's upload proxy.
const UPLOADS: &str = "writing into a cluster goes through CDI's upload proxy, which is not \
                       reached from here; refused as unsupported, which `storage` tests";
/// KubeVirt's grace periods.
const CUT_OFF: &str = "KubeVirt cuts a guest off that does not obey within its own grace period, \
                       whatever was asked";
const NO_SAVE: &str = "KubeVirt cannot write a VM's memory to disk; refused as unsupported, which \
                       `power` tests";
const NO_STATS: &str = "what guests use is told by KubeVirt's own exporters and is not read here";

const TOO_QUICK: &str = "the stand-in's migrations are over before anybody looks; `migrate` holds \
                         them up";
const DISKS_ONLY: &str = "KubeVirt's snapshots hold disks, and no memory";

const NO_GROWTH: &str = "KubeVirt makes no disk larger: claims grow where their class can";

const LIMITS: &[(&str, &str)] = &[
    ("revert_with_memory_goes_on", DISKS_ONLY),
    ("a_second_migration_at_the_same_time_is_a_conflict", TOO_QUICK),
    ("cancel_leaves_it_running_where_it_was", TOO_QUICK),
    ("a_stopped_vm_is_on_the_host_it_was_made_on", NOWHERE),
    ("an_upload_reads_every_byte_and_tells_progress", UPLOADS),
    ("an_upload_is_grown_to_the_capacity", UPLOADS),
    ("an_upload_larger_than_its_volume_is_refused", UPLOADS),
    ("a_failed_upload_is_an_error_and_can_be_repeated", UPLOADS),
    ("half_filled_volume_is_made_anew", UPLOADS),
    ("a_copy_has_its_own_size_and_outlives_its_original", UPLOADS),
    ("an_upload_after_a_cancelled_one_makes_one_whole_volume", UPLOADS),
    // Wants a guest in an image, which is uploaded; `power` stops guests that obey.
    ("graceful_stop_turns_an_obedient_guest_off", UPLOADS),
    ("graceful_stop_of_a_deaf_guest_times_out_and_leaves_it_running", CUT_OFF),
    ("save_turns_it_off_and_start_resumes_it", NO_SAVE),
    ("a_saved_vm_can_be_removed", NO_SAVE),
    // Wants a guest that speaks, from an image; `console` hears instances of the stand-in.
    ("serial_console_of_a_running_vm_speaks", UPLOADS),
    ("a_disk_of_a_stopped_vm_grows_and_never_shrinks", NO_GROWTH),
    ("growing_what_is_not_there_is_not_found", NO_GROWTH),
    ("only_a_running_vm_uses_a_processor", NO_STATS),
    ("counters_of_a_running_vm_only_grow", NO_STATS),
];

/// The same, as the suite wants it told.
pub(crate) fn limits() -> Vec<Limit> {
    let limit = |(promise, reason): &(&'static str, &'static str)| Limit { promise, reason };
    LIMITS.iter().map(limit).collect()
}

/// What may be used of a cluster that has the nodes and classes of the stand-in.
pub(crate) fn setting(ids: IdSource, limits: Vec<Limit>) -> Setting {
    Setting {
        prefix: "conformance-".into(),
        ids,
        host_ref: "n1".into(),
        pool: None,
        network: Some("pod".into()),
        memory_bytes: 64 << 20,
        boot: None,
        call_within: PATIENCE,
        boot_within: PATIENCE,
        stop_within: PATIENCE,
        promise_within: Duration::from_secs(120),
        limits,
    }
}

/// The ids of one run.
pub(crate) fn ids() -> IdSource {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_228_196_000)));
    IdSource::new(clock, Arc::new(SeededEntropy::new(5)))
}

/// Instance types and preferences to choose from.
pub(crate) fn offered() -> [Value; 4] {
    let size = |name: &str, memory: &str| {
        let size = json!({ "cpu": { "guest": 2 }, "memory": { "guest": memory } });
        kind("VirtualMachineClusterInstancetype", name, size)
    };
    let taste = json!({ "devices": { "preferredDiskBus": "virtio" } });
    [
        size("u1.tiny", "64Mi"),
        size("u1.small", "2Gi"),
        kind("VirtualMachineClusterPreference", "linux", taste.clone()),
        kind("VirtualMachinePreference", "own", taste),
    ]
}

/// A cluster like no other's, so that what hangs or lies behind in one is nothing to the others.
struct Cluster {
    place: Place,
    /// Goes on from promise to promise: nothing bears a name of before.
    ids: IdSource,
}

#[async_trait]
impl Harness for Cluster {
    async fn connect(&self) -> Result<Arc<dyn Provider>> {
        Ok(self.place.provider.clone())
    }

    fn setting(&self) -> Setting {
        setting(self.ids.clone(), limits())
    }

    async fn make_foreign_vm(&self, name: &str) -> Option<VmRef> {
        self.place.double.put(machine("default", name, "Halted")).unwrap();
        let vm = self.place.vm(name);
        self.place.until(&vm, hostler_core::vm::PowerState::Stopped).await;
        Some(vm)
    }

    async fn make_unseen_vm(&self, name: &str) -> Option<VmRef> {
        self.place.double.put(machine("default", name, "Halted")).unwrap();
        Some(self.place.vm(name))
    }

    async fn remove_foreign_vm(&self, vm: &VmRef) {
        self.place.double.remove("virtualmachines", "default", &vm.name).unwrap();
    }

    async fn deafen(&self, vm: &VmRef) -> bool {
        self.place.double.set_deaf(&vm.name);
        true
    }

    async fn edit_memory(&self, vm: &VmRef, bytes: u64) -> bool {
        let edit = |vm: &mut Value| {
            vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!(bytes.to_string());
        };
        self.place.double.edit("virtualmachines", "default", &vm.name, edit).unwrap();
        true
    }

    async fn delay(&self, effect: Duration) -> bool {
        self.place.double.fault(Fault::new(What::Late(effect)).writes().times(1));
        true
    }

    async fn hang(&self, hung: bool) -> bool {
        match hung {
            true => self.place.double.fault(Fault::new(What::Silence)),
            false => self.place.double.clear_faults(),
        }
        true
    }

    async fn fall_behind(&self, behind: bool) -> bool {
        match behind {
            true => {
                let busy = Refused::new(403, "Forbidden", "no list for now", json!({}));
                self.place
                    .double
                    .fault(Fault::new(What::Answer(busy)).verb("list").class("virtualmachines"));
                self.place.double.compact();
                self.place.double.expire_watches();
            }
            false => self.place.double.clear_faults(),
        }
        true
    }
}

/// How many clusters of their own promises are checked in, each one after the other.
const PLACES: usize = 10;

async fn cluster() -> Cluster {
    // What nodes told last is as old as the stand-in, and is held against the time of the calls.
    let begins_at = SystemClock.now().to_string().parse().unwrap();
    let place = Place::start(Options { begins_at, ..busy() }).await;
    place.double.seed_vms(3).unwrap();
    for object in offered() {
        place.double.put(object).unwrap();
    }
    // It is known before anything is broken: a first list that is swallowed is waited for.
    place.provider.inventory(&cx()).await.unwrap();
    Cluster { place, ids: ids() }
}

/// Checks promises in a cluster of its own until none is left.
fn check(left: &Mutex<VecDeque<&'static str>>) -> Vec<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = cluster().await;
        let has = groups(&*cluster.place.provider);
        for group in Group::ALL {
            assert!(has.contains(group), "{group:?}");
        }
        let mut reports = Vec::new();
        loop {
            let next = left.lock().unwrap().pop_front();
            let Some(promise) = next else { return reports };
            reports.push(run_some(&cluster, |name| name == promise).await);
        }
    })
}

#[test]
fn e2_e3_e22_the_promises_of_the_boundary_are_kept() {
    let left = Mutex::new(promises().collect::<VecDeque<_>>());
    let reports = std::thread::scope(|scope| {
        let places: Vec<_> = (0..PLACES).map(|_| scope.spawn(|| check(&left))).collect();
        places.into_iter().flat_map(|place| place.join().unwrap()).collect::<Vec<_>>()
    });
    let report = Report::of(reports);
    report.assert_passed();
    assert_eq!(report.verdicts().len(), promises().count(), "each was checked once");
    let skipped: BTreeSet<_> = report.skipped().into_iter().collect();
    let limits: BTreeSet<_> = LIMITS.iter().map(|(promise, _)| *promise).collect();
    assert_eq!(skipped, limits, "{report}");
}
