//! Taking snapshots, putting VMs back and deleting snapshots over real connections: what
//! is asked for, what comes of it, and what is left when it fails.

use std::time::Duration;

use hostler_core::Code;
use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotContent, SnapshotSpec, SnapshotState,
};
use hostler_core::vm::{Action, PowerState};
use hostler_kube_double::{Fault, Installation, Options, What};
use hostler_provider::{
    Cx, EnsureSnapshot, Kind, Provider, Result, Revert, Reverted, SnapshotHandle, SnapshotRef,
    Snapshots, VmRef,
};
use serde_json::{Value, json};

use crate::place::{PATIENCE, Place, busy, cx};
use crate::support::now;

const SNAPSHOTS: &str = "virtualmachinesnapshots";
const RESTORES: &str = "virtualmachinerestores";

fn id(n: u8) -> SnapshotId {
    SnapshotId::new(now(), [n; 10])
}

impl Place {
    pub(crate) fn snapshots(&self) -> &dyn Snapshots {
        self.provider.snapshots().unwrap()
    }

    pub(crate) async fn take(
        &self,
        vm: &VmRef,
        n: u8,
        spec: &SnapshotSpec,
    ) -> Result<SnapshotHandle> {
        let request = EnsureSnapshot { id: id(n), vm, spec };
        self.snapshots().ensure_snapshot(&cx(), &request).await
    }

    async fn all(&self, vm: &VmRef) -> Vec<ObservedSnapshot> {
        self.snapshots().list_snapshots(&cx(), vm).await.unwrap()
    }

    pub(crate) async fn revert(&self, vm: &VmRef, n: u8, to: &SnapshotRef) -> Result<Reverted> {
        let operation = OperationId::new(now(), [n; 10]);
        self.snapshots().revert(&cx(), &Revert { operation, vm, snapshot: to }).await
    }

    pub(crate) fn count(&self, plural: &str) -> usize {
        self.double.list(plural).len()
    }

    /// Lets the guest agent of a VM be connected, or not.
    async fn agent(&self, vm: &VmRef, connected: bool) {
        let status = if connected { "True" } else { "False" };
        self.double
            .edit("virtualmachineinstances", "default", &vm.name, |instance| {
                let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
                conditions.retain(|one| one["type"] != "AgentConnected");
                conditions.push(json!({ "type": "AgentConnected", "status": status }));
            })
            .unwrap();
    }
}

fn required(name: &str) -> SnapshotSpec {
    SnapshotSpec { quiesce: Quiesce::Required, ..SnapshotSpec::new(name) }
}

#[tokio::test]
async fn c14_a_snapshot_is_taken_once_and_told_whole() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let spec = SnapshotSpec {
        description: "before <the> upgrade".into(),
        ..SnapshotSpec::new("Before_Upgrade")
    };
    let first = place.take(&vm, 1, &spec).await.unwrap();
    let again = place.take(&vm, 1, &spec).await.unwrap();
    assert_eq!((first.created, again.created), (true, false));
    assert_eq!(first.snapshot, again.snapshot);
    let all = place.all(&vm).await;
    let [seen] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(seen.external_ref, first.snapshot.external_ref);
    assert_eq!((seen.name.as_str(), seen.tag), ("Before_Upgrade", Some(id(1))));
    assert_eq!(seen.description.as_deref(), Some("before <the> upgrade"));
    assert_eq!(seen.state, SnapshotState::Ready);
    assert_eq!(seen.consistency.value(), Some(&Consistency::Offline));
    assert_eq!(seen.content.value(), Some(&SnapshotContent::Disks));
    assert!(seen.taken_at.value().is_some() && seen.parent.value().is_none());
    let object = &place.double.list(SNAPSHOTS)[0];
    assert_eq!(object["metadata"]["name"], format!("web-{}", id(1)));
    assert_eq!(object["metadata"].get("ownerReferences"), None, "it outlives its VM");
    let source = json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web" });
    assert_eq!(object["spec"]["source"], source);
    let deadline = object["spec"]["failureDeadline"].as_str().unwrap();
    assert!(["28s", "29s", "30s"].contains(&deadline), "as long as we wait: {deadline}");
}

#[tokio::test]
async fn c14_how_consistent_it_is_is_what_the_cluster_says_of_it() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Always", PowerState::Running).await;
    place.agent(&vm, true).await;
    place.take(&vm, 1, &required("rests")).await.unwrap();
    place.agent(&vm, false).await;
    place.take(&vm, 2, &SnapshotSpec::new("as-it-is")).await.unwrap();
    let told: Vec<_> =
        place.all(&vm).await.iter().map(|one| one.consistency.value().copied()).collect();
    assert_eq!(told, [Some(Consistency::Quiesced), Some(Consistency::Crash)]);
    assert_eq!(place.listed(&vm).await, Some(PowerState::Running));
    // Without an agent nothing is asked for; that it went is seen in a moment.
    let before = place.count(SNAPSHOTS);
    let wait = async {
        loop {
            let refused = place.take(&vm, 3, &required("rests-not")).await.unwrap_err();
            if refused.message().contains("no guest agent is connected") {
                return refused;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let refused = tokio::time::timeout(PATIENCE, wait).await.unwrap();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert!(refused.message().contains("qemu-guest-agent"), "{refused}");
    assert_eq!(place.count(SNAPSHOTS), before);
}

#[tokio::test]
async fn c14_one_that_was_required_to_rest_and_did_not_is_taken_away_again() {
    let place = Place::start(Options::default()).await;
    place.double.seed_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    place.until(&vm, PowerState::Running).await;
    place.agent(&vm, true).await;
    let until = async {
        while place.count(SNAPSHOTS) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The agent goes away between our look and the cluster's freeze.
        place.agent(&vm, false).await;
        loop {
            place.double.settle();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let spec = required("rests");
    let refused = tokio::select! {
        taken = place.take(&vm, 1, &spec) => taken.unwrap_err(),
        never = until => never,
    };
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert!(refused.message().contains("not brought to rest"), "{refused}");
    assert_eq!(place.count(SNAPSHOTS), 0);
}

#[tokio::test]
async fn c14_names_are_a_vms_own_and_foreign_snapshots_are_told() {
    let place = Place::start(busy()).await;
    let web = place.made("web", "Halted", PowerState::Stopped).await;
    let db = place.made("db", "Halted", PowerState::Stopped).await;
    let spec = SnapshotSpec::new("s1");
    place.take(&web, 1, &spec).await.unwrap();
    place.take(&db, 2, &spec).await.unwrap();
    let refused = place.take(&web, 3, &spec).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, Code::SnapshotExists));
    let foreign = json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
        "metadata": { "name": "by-kubectl", "namespace": "default" },
        "spec": { "source": {
            "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web",
        } },
    });
    place.double.put(foreign).unwrap();
    let mut names: Vec<_> =
        place.all(&web).await.into_iter().map(|one| (one.name, one.tag.is_some())).collect();
    // A cluster tells whole seconds: of one second, they are in no order.
    names.sort();
    assert_eq!(names, [("by-kubectl".to_owned(), false), ("s1".to_owned(), true)]);
    assert_eq!(place.all(&db).await.len(), 1);
}

#[tokio::test]
async fn c14_what_kubevirt_cannot_is_refused_before_anything_is_asked() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Always", PowerState::Running).await;
    let memory =
        SnapshotSpec { content: SnapshotContent::DisksAndMemory, ..SnapshotSpec::new("s1") };
    let refused = place.take(&vm, 1, &memory).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unsupported, false));
    assert_eq!(place.count(SNAPSHOTS), 0);
    let blocked = place.seen(&vm).await.unwrap().blocked;
    let reverts = blocked.iter().find(|one| one.action == Action::Revert).unwrap();
    assert!(reverts.reason.contains("stop it first"), "{}", reverts.reason);
}

#[tokio::test]
async fn x29_a_closed_gate_is_told_with_the_remedy() {
    let place = Place::start(busy()).await;
    place.double.set_installation(&Installation::Deployed("v1.8.0".into())).unwrap();
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let refused = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unsupported, false));
    assert!(refused.message().contains("add Snapshot to spec.configuration"), "{refused}");
    assert_eq!(place.all(&vm).await, []);
    let open = |installation: &mut Value| {
        installation["spec"]["configuration"]["developerConfiguration"]["featureGates"] =
            json!(["Snapshot"]);
    };
    place.double.edit("kubevirts", "kubevirt", "kubevirt", open).unwrap();
    assert!(place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().created);
}

#[tokio::test]
async fn the_preferred_version_is_spoken_and_none_is_told() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.serve_group("snapshot.kubevirt.io", &["v1alpha1"]);
    place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap();
    assert_eq!(place.all(&vm).await.len(), 1);
    place.double.serve_group("snapshot.kubevirt.io", &[]);
    let refused = place.take(&vm, 2, &SnapshotSpec::new("s2")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Unsupported, false));
}

#[tokio::test]
async fn c14_a_snapshot_that_fails_leaves_nothing_and_says_why() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.set_snapshots_fail(Some("no VolumeSnapshotClass for standard"));
    let refused = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert!(refused.raw().unwrap().contains("VolumeSnapshotClass"), "{:?}", refused.raw());
    assert_eq!(place.count(SNAPSHOTS), 0);
    place.double.set_snapshots_fail(None);
    assert!(place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().created);
}

#[tokio::test]
async fn f6_one_that_takes_too_long_has_an_unknown_effect_and_is_waited_for_again() {
    let place = Place::start(Options::default()).await;
    place.double.seed_stopped_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    place.until(&vm, PowerState::Stopped).await;
    let spec = SnapshotSpec::new("s1");
    let request = EnsureSnapshot { id: id(1), vm: &vm, spec: &spec };
    let short = Cx::within(Duration::from_millis(300));
    let late = place.snapshots().ensure_snapshot(&short, &request).await.unwrap_err();
    assert_eq!((late.kind(), late.is_unknown()), (Kind::Timeout, true));
    assert_eq!(place.all(&vm).await[0].state, SnapshotState::Creating);
    place.double.settle();
    let taken = place.take(&vm, 1, &spec).await.unwrap();
    assert!(!taken.created);
    assert_eq!(place.count(SNAPSHOTS), 1);
}

#[tokio::test]
async fn f23_a_lost_answer_does_not_make_two() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    place.double.fault(Fault::new(What::LoseAnswer).verb("create").class(SNAPSHOTS).times(1));
    let lost = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap_err();
    assert!(lost.is_unknown(), "{lost}");
    place.double.clear_faults();
    place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap();
    assert_eq!(place.count(SNAPSHOTS), 1);
}

#[tokio::test]
async fn c14_a_vm_is_put_back_once_and_only_while_it_is_off() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let grow = |machine: &mut Value| {
        machine["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!("128Mi");
    };
    let memory = || {
        let machine = place.double.get("virtualmachines", "default", "web").unwrap();
        machine["spec"]["template"]["spec"]["domain"]["memory"]["guest"].clone()
    };
    place.double.edit("virtualmachines", "default", "web", grow).unwrap();
    place.power().start(&cx(), &vm).await.unwrap();
    let refused = place.revert(&vm, 1, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert!(refused.message().contains("stop it first"), "{refused}");
    assert_eq!((place.count(RESTORES), memory()), (0, json!("128Mi")));
    let mode = hostler_provider::StopMode::Force;
    place.power().stop(&cx(), &vm, mode).await.unwrap();
    place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!((place.count(RESTORES), memory()), (1, json!("64Mi")));
    // For the same operation it is done, whatever happened since.
    place.double.edit("virtualmachines", "default", "web", grow).unwrap();
    place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!((place.count(RESTORES), memory()), (1, json!("128Mi")));
    place.revert(&vm, 2, &snapshot).await.unwrap();
    assert_eq!((place.count(RESTORES), memory()), (2, json!("64Mi")));
}

#[tokio::test]
async fn c14_a_restore_that_fails_is_told_with_the_clusters_words() {
    let place = Place::start(Options::default()).await;
    place.double.seed_stopped_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    place.until(&vm, PowerState::Stopped).await;
    let spec = SnapshotSpec::new("s1");
    let settle = async {
        loop {
            place.double.settle();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let snapshot = tokio::select! {
        taken = place.take(&vm, 1, &spec) => taken.unwrap().snapshot,
        never = settle => never,
    };
    let fail = async {
        while place.count(RESTORES) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let name = place.double.list(RESTORES)[0]["metadata"]["name"].as_str().unwrap().to_owned();
        place
            .double
            .edit(RESTORES, "default", &name, |restore| {
                restore["status"] = json!({ "complete": false, "conditions": [{
                    "type": "Failure", "status": "True",
                    "reason": "operation failed: the target was not ready within 5m0s",
                }] });
            })
            .unwrap();
        // It is in the way of the next one, and deleted.
        loop {
            place.double.settle();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let refused = tokio::select! {
        reverted = place.revert(&vm, 1, &snapshot) => reverted.unwrap_err(),
        never = fail => never,
    };
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
    assert_eq!(place.count(RESTORES), 0);
    assert!(refused.raw().unwrap().contains("not ready within"), "{:?}", refused.raw());
}

#[tokio::test]
async fn c14_deleting_is_for_good_and_absent_is_success() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let other = place.take(&vm, 2, &SnapshotSpec::new("s2")).await.unwrap().snapshot;
    for _ in 0..2 {
        place.snapshots().remove_snapshot(&cx(), &vm, &snapshot).await.unwrap();
        assert_eq!((place.count(SNAPSHOTS), place.all(&vm).await.len()), (1, 1));
    }
    assert_eq!(place.count("virtualmachinesnapshotcontents"), 1, "its content went with it");
    let gone = place.revert(&vm, 1, &snapshot).await.unwrap_err();
    assert_eq!((gone.kind(), gone.is_unknown()), (Kind::NotFound, false));
    place.double.remove("virtualmachines", "default", "web").unwrap();
    let wait = async {
        while place.seen(&vm).await.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    let absent = place.snapshots().list_snapshots(&cx(), &vm).await.unwrap_err();
    assert_eq!(absent.kind(), Kind::NotFound);
    place.snapshots().remove_snapshot(&cx(), &vm, &other).await.unwrap();
}
