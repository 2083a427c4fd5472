//! VMs that are off and have an instance type: what sizes them is read with the inventory.

use hostler_core::vm::{ObservedVm, PowerState};
use hostler_kube_double::Refusal;
use hostler_provider::Provider;
use serde_json::{Value, json};

use crate::place::{Place, busy, cx, machine};

const TYPES: &str = "virtualmachineclusterinstancetypes";

pub(crate) fn kind(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "instancetype.kubevirt.io/v1beta1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    })
}

/// A VM of a cluster's instance type and of a preference of its namespace.
async fn sized(place: &Place, name: &str, instance_type: &str) {
    let mut web = machine("default", name, "Halted");
    web["spec"]["instancetype"] = json!({ "name": instance_type });
    web["spec"]["preference"] = json!({ "kind": "VirtualMachinePreference", "name": "modern" });
    web["spec"]["template"]["spec"]["domain"] = json!({ "devices": {} });
    place.double.put(web).unwrap();
    place.until(&place.vm(name), PowerState::Stopped).await;
    place.followed(&place.vm(name)).await;
}

async fn place() -> Place {
    let place = Place::start(busy()).await;
    let size = json!({ "cpu": { "guest": 4 }, "memory": { "guest": "2Gi" } });
    place.double.put(kind("VirtualMachineClusterInstancetype", "u1.medium", size)).unwrap();
    let modern = json!({ "firmware": { "preferredEfi": {} } });
    place.double.put(kind("VirtualMachinePreference", "modern", modern)).unwrap();
    place
}

async fn listed(place: &Place) -> Vec<ObservedVm> {
    place.provider.inventory(&cx()).await.unwrap().vms
}

#[tokio::test]
async fn e5_a_vm_that_is_off_has_the_size_of_its_instance_type() {
    let place = place().await;
    place.made("plain", "Halted", PowerState::Stopped).await;
    listed(&place).await;
    assert_eq!(place.double.counts().of("list", TYPES), 0, "nobody names one");
    sized(&place, "web", "u1.medium").await;
    for _ in 0..3 {
        let all = listed(&place).await;
        let web = all.iter().find(|vm| vm.name == "web").unwrap();
        assert_eq!(web.cpu_count.value(), Some(&4), "{:?}", web.cpu_count);
        assert_eq!(web.memory_bytes.value(), Some(&(2 << 30)), "{:?}", web.memory_bytes);
        assert_eq!(web.firmware.value().map(String::as_str), Some("uefi"));
    }
    assert_eq!(place.double.counts().of("list", TYPES), 1, "it is kept for a while");
    assert_eq!(place.double.counts().of("list", "virtualmachineinstancetypes"), 0);
}

#[tokio::test]
async fn e5_what_is_not_there_or_may_not_be_read_says_so() {
    let place = place().await;
    sized(&place, "web", "huge").await;
    let all = listed(&place).await;
    let why = all[0].cpu_count.reason().unwrap();
    assert_eq!(why, "its instance type \"huge\" was not read: there is none of that name");
    place.double.refuse(Refusal::of("list", "instancetype.kubevirt.io", TYPES));
    sized(&place, "other", "u1.medium").await;
    let all = listed(&place).await;
    let other = all.iter().find(|vm| vm.name == "other").unwrap();
    let why = other.cpu_count.reason().unwrap();
    assert!(
        why.ends_with(
            "grant `list` of virtualmachineclusterinstancetypes.instancetype.kubevirt.io"
        ),
        "{why}"
    );
    assert_eq!(other.firmware.value().map(String::as_str), Some("uefi"), "nothing else is lost");
}
