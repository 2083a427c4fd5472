//! Watches that tell nothing any more while their connections stay open: what is followed counts
//! as fresh for a minute, and whatever happens meanwhile is missing in it. Nothing may be
//! concluded from that.

use hostler_core::vm::PowerState;
use hostler_provider::{Kind, Provider, StopMode};
use serde_json::json;

use crate::create::{VMS, empty, volume};
use crate::place::{Place, busy, cx, machine};

const VMIS: &str = "virtualmachineinstances";

/// All that is there was seen; from now on nothing is told.
async fn silent() -> Place {
    let place = Place::start(busy()).await;
    place.provider.inventory(&cx()).await.unwrap();
    place.double.set_silent(true);
    place
}

#[tokio::test]
async fn x26_a_vm_that_the_cluster_has_and_the_watch_never_told_of_is_there() {
    let place = silent().await;
    place.double.put(machine("default", "web", "Manual")).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Stopped).await;
    place.power().start(&cx(), &vm).await.unwrap();
    assert_eq!(place.seen(&vm).await.unwrap().power, PowerState::Running);
    let refused = place.create().remove_vm(&cx(), &vm).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict, "{refused}");
    place.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    place.create().remove_vm(&cx(), &vm).await.unwrap();
    assert!(place.double.get(VMS, "default", "web").is_none(), "what is told as gone is gone");
    assert!(place.seen(&vm).await.is_none());
    let start = place.power().start(&cx(), &vm).await.unwrap_err();
    assert_eq!(start.kind(), Kind::NotFound, "{start}");
}

#[tokio::test]
async fn x26_another_vm_of_the_name_is_not_that_one() {
    let place = silent().await;
    place.double.put(machine("default", "web", "Manual")).unwrap();
    let mut vm = place.vm("web");
    vm.external_ref = "another".to_owned();
    assert!(place.seen(&vm).await.is_none());
    vm.name = "metadata,web".to_owned();
    assert!(place.seen(&vm).await.is_none(), "what is no name selects nothing");
}

#[tokio::test]
async fn i17_a_volume_that_a_vm_came_to_use_unseen_stays() {
    let place = silent().await;
    let data = volume("default.standard", "data");
    empty(&place, &data).await;
    let mut web = machine("default", "web", "Always");
    web["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    web["spec"]["template"]["spec"]["domain"]["devices"] =
        json!({ "disks": [{ "name": "data", "disk": { "bus": "virtio" } }] });
    place.double.put(web).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Running).await;
    assert!(place.double.get(VMIS, "default", "web").is_some());
    let used = place.storage().remove_volume(&cx(), &data).await.unwrap_err();
    assert!(used.kind() == Kind::Conflict && used.message().contains("\"web\""), "{used}");
}
