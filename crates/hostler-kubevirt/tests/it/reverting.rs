//! What becomes of a VM's disks when it is put back, and when it is deleted after that; and
//! restores that come to no end.

use std::time::Duration;

use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::PowerState;
use hostler_kube_double::{Double, Fault, Refusal, What};
use hostler_kubevirt::provider::KubeVirt;
use hostler_provider::{Kind, SnapshotRef, VmRef};
use serde_json::{Value, json};

use crate::create::VMS;
use crate::place::{PATIENCE, Place, busy, config, cx, machine};

const CLAIMS: &str = "persistentvolumeclaims";
const RESTORES: &str = "virtualmachinerestores";
const VMIS: &str = "virtualmachineinstances";

/// A claim that holds "old".
fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": name, "namespace": "default", "annotations": { "holds": "old" } },
        "spec": {
            "storageClassName": "standard", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
    })
}

fn holds(place: &Place, claim: &str) -> Option<String> {
    let found = place.double.get(CLAIMS, "default", claim)?;
    Some(found["metadata"]["annotations"]["holds"].as_str().unwrap_or_default().to_owned())
}

/// The claim of the VM's one disk.
fn disk(place: &Place) -> String {
    let machine = place.double.get(VMS, "default", "web").unwrap();
    let volume = &machine["spec"]["template"]["spec"]["volumes"][0];
    volume["persistentVolumeClaim"]["claimName"].as_str().unwrap().to_owned()
}

/// A VM that is off, with a disk that held something else when its snapshot was taken.
async fn snapshotted(place: &Place, strategy: &str) -> (VmRef, SnapshotRef) {
    place.double.put(claim("web-root")).unwrap();
    let mut object = machine("default", "web", strategy);
    let spec = &mut object["spec"]["template"]["spec"];
    spec["volumes"] =
        json!([{ "name": "root", "persistentVolumeClaim": { "claimName": "web-root" } }]);
    spec["domain"]["devices"]["disks"] = json!([{ "name": "root", "disk": { "bus": "virtio" } }]);
    place.double.put(object).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Stopped).await;
    place.followed(&vm).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let write = |claim: &mut Value| claim["metadata"]["annotations"]["holds"] = json!("new");
    place.double.edit(CLAIMS, "default", "web-root", write).unwrap();
    (vm, snapshot)
}

/// One whose patience with restores is short.
async fn hasty() -> Place {
    let double = Double::start(busy()).await.unwrap();
    let mut config = config(&double);
    config.restore_patience = Duration::from_millis(200);
    let provider = std::sync::Arc::new(KubeVirt::new(config));
    Place { double, provider }
}

#[tokio::test]
async fn c14_its_disks_hold_what_they_held_and_are_told_where_they_are() {
    let place = Place::start(busy()).await;
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    let told = place.revert(&vm, 1, &snapshot).await.unwrap();
    let [moved] = told.moved.as_slice() else { panic!("{told:?}") };
    assert_eq!((moved.disk.as_str(), moved.volume.clone()), ("root", disk(&place)));
    assert_ne!(moved.volume, "web-root");
    assert_eq!(holds(&place, &moved.volume).as_deref(), Some("old"));
    assert_eq!(holds(&place, "web-root").as_deref(), Some("new"), "it is left as it was");
    // The same is told again, even where what it was asked by was deleted since.
    assert_eq!(place.revert(&vm, 1, &snapshot).await.unwrap(), told);
    let name = place.double.list(RESTORES)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    place.double.remove(RESTORES, "default", &name).unwrap();
    place.double.settle();
    assert_eq!(place.revert(&vm, 1, &snapshot).await.unwrap(), told);
    assert_eq!(place.count(RESTORES), 0, "it was not put back again");
}

/// A restore makes the VM own its new claims, which would go with the VM object.
#[tokio::test]
async fn i17_the_disks_of_a_vm_that_was_put_back_stay_when_it_is_deleted() {
    for knows_policies in [false, true] {
        let place = Place::start(busy()).await;
        place.double.set_restore_policies(knows_policies);
        let (vm, snapshot) = snapshotted(&place, "Manual").await;
        place.revert(&vm, 1, &snapshot).await.unwrap();
        let first = disk(&place);
        let owners = place.double.get(CLAIMS, "default", &first).unwrap();
        let is_owned = owners["metadata"].get("ownerReferences").is_some();
        assert_eq!(is_owned, !knows_policies, "asked where the version knows how");
        place.revert(&vm, 2, &snapshot).await.unwrap();
        let second = disk(&place);
        place.create().remove_vm(&cx(), &vm).await.unwrap();
        assert_eq!(place.double.get(VMS, "default", "web"), None);
        place.double.settle();
        for name in ["web-root", &first, &second] {
            assert!(holds(&place, name).is_some(), "{name} went with the VM");
        }
    }
}

#[tokio::test]
async fn i17_who_may_not_look_at_claims_takes_none_along() {
    let place = Place::start(busy()).await;
    place.double.set_restore_policies(false);
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    place.revert(&vm, 1, &snapshot).await.unwrap();
    place.double.refuse(Refusal::of("list", "", CLAIMS));
    place.create().remove_vm(&cx(), &vm).await.unwrap();
    assert!(holds(&place, &disk_of_restore(&place)).is_some());
}

fn disk_of_restore(place: &Place) -> String {
    let all = place.double.list(CLAIMS).into_iter();
    let mut names = all.map(|one| one["metadata"]["name"].as_str().unwrap().to_owned());
    names.find(|name| name.starts_with("restore-")).unwrap()
}

#[tokio::test]
async fn the_state_of_firmware_and_tpm_goes_with_its_vm_and_no_others() {
    for is_kept in [false, true] {
        let place = Place::start(busy()).await;
        let vm = place.made("web", "Manual", PowerState::Stopped).await;
        let owner = json!([{
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "web",
            "uid": vm.external_ref, "controller": true,
        }]);
        for (name, of) in [("state-1", "web"), ("state-2", "db")] {
            let mut state = claim(name);
            state["metadata"]["labels"] = json!({ "persistent-state-for": of });
            if of == "web" {
                state["metadata"]["ownerReferences"] = owner.clone();
            }
            place.double.put(state).unwrap();
        }
        if is_kept {
            let mut data = claim("data");
            data["metadata"]["ownerReferences"] = owner;
            place.double.put(data).unwrap();
        }
        place.create().remove_vm(&cx(), &vm).await.unwrap();
        place.double.settle();
        assert_eq!(holds(&place, "state-1"), None);
        assert!(holds(&place, "state-2").is_some());
        assert_eq!(holds(&place, "data").is_some(), is_kept);
    }
}

/// What shut itself down leaves its instance behind, which a restore would wait for until it fails.
#[tokio::test]
async fn c14_a_vm_that_shut_itself_down_can_be_put_back() {
    let place = Place::start(busy()).await;
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    place.power().start(&cx(), &vm).await.unwrap();
    let ends = |one: &mut Value| one["status"]["phase"] = json!("Succeeded");
    place.double.edit(VMIS, "default", "web", ends).unwrap();
    place.until(&vm, PowerState::Stopped).await;
    assert_eq!(place.count(VMIS), 1);
    place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!(holds(&place, &disk(&place)).as_deref(), Some("old"));
    assert_eq!(place.count(VMIS), 0);
    place.power().start(&cx(), &vm).await.unwrap();
}

#[tokio::test]
async fn c14_a_restore_that_does_not_go_on_is_taken_back_and_the_vm_let_go() {
    let place = hasty().await;
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    place.double.set_restores_stick(Some("exceeded quota: storage"));
    let refused = place.revert(&vm, 1, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    assert!(refused.message().contains("left it as it is"), "{refused}");
    assert!(refused.raw().unwrap().contains("exceeded quota"), "{:?}", refused.raw());
    assert_eq!((place.count(RESTORES), disk(&place).as_str()), (0, "web-root"));
    assert_eq!(place.count(CLAIMS), 1);
    // Nothing is in the way of anything.
    place.double.set_restores_stick(None);
    place.revert(&vm, 2, &snapshot).await.unwrap();
    place.power().start(&cx(), &vm).await.unwrap();
}

#[tokio::test]
async fn e8_one_that_may_not_be_taken_back_is_told_with_what_to_do() {
    let place = hasty().await;
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    place.double.set_restores_stick(Some("exceeded quota: storage"));
    place.double.refuse(Refusal::of("delete", "snapshot.kubevirt.io", RESTORES));
    let refused = place.revert(&vm, 1, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Denied, true), "{refused}");
    for words in ["exceeded quota", "cannot be started until its VirtualMachineRestore"] {
        assert!(refused.message().contains(words), "{refused}");
    }
    // It goes on by itself, when it can.
    place.double.set_restores_stick(None);
    place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!(holds(&place, &disk(&place)).as_deref(), Some("old"));
}

/// It was required to be at rest and was not: there is one all the same, until it is deleted.
#[tokio::test]
async fn e8_a_snapshot_that_cannot_be_taken_away_again_is_not_surely_nothing() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Always", PowerState::Running).await;
    let agent = |connected: &'static str| {
        move |instance: &mut Value| {
            let conditions = instance["status"]["conditions"].as_array_mut().unwrap();
            conditions.retain(|one| one["type"] != "AgentConnected");
            conditions.push(json!({ "type": "AgentConnected", "status": connected }));
        }
    };
    place.double.edit(VMIS, "default", "web", agent("True")).unwrap();
    // The agent goes away between our look and the cluster's freeze.
    let slow = What::Slow(Duration::from_millis(300));
    place.double.fault(Fault::new(slow).verb("create").class("virtualmachinesnapshots").times(1));
    place.double.refuse(Refusal::of("delete", "snapshot.kubevirt.io", "virtualmachinesnapshots"));
    let spec = SnapshotSpec {
        quiesce: hostler_core::snapshot::Quiesce::Required,
        ..SnapshotSpec::new("rests")
    };
    let goes = async {
        while place.double.counts().of("create", "virtualmachinesnapshots") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        place.double.edit(VMIS, "default", "web", agent("False")).unwrap();
    };
    let (taken, ()) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(place.take(&vm, 1, &spec), goes) })
            .await
            .unwrap();
    let refused = taken.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Denied, true), "{refused}");
    assert_eq!(place.count("virtualmachinesnapshots"), 1);
}

/// The cluster does not answer for a moment, while what was deleted is on its way out.
#[tokio::test]
async fn f23_an_instance_that_is_cleared_away_is_waited_for_through_a_hiccup() {
    let place = Place::start(busy()).await;
    let (vm, snapshot) = snapshotted(&place, "Manual").await;
    place.power().start(&cx(), &vm).await.unwrap();
    let ends = |one: &mut Value| one["status"]["phase"] = json!("Succeeded");
    place.double.edit(VMIS, "default", "web", ends).unwrap();
    place.until(&vm, PowerState::Stopped).await;
    place.followed(&vm).await;
    place.double.fault(Fault::new(What::Drop).verb("get").class(VMIS).times(1));
    place.revert(&vm, 1, &snapshot).await.unwrap();
}
