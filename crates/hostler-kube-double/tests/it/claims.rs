//! Claims of storage, copies of them, and instances that use them; and where instances go and how
//! their guests end.

use serde_json::json;

use crate::client::{VMS, running, start, vm};
use crate::controllers::shown;

fn claim(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": name },
        "spec": {
            "storageClassName": "standard", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
    })
}

const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

#[tokio::test]
async fn a_claim_is_bound_by_its_class_and_waits_without_one() {
    let (double, client) = start().await;
    let mut lost = claim("data");
    lost["spec"]["storageClassName"] = json!("no-such-class");
    assert_eq!(client.post(CLAIMS, &lost).await.status, 201);
    double.settle();
    let phase = |name: &str| {
        let found = double.get("persistentvolumeclaims", "default", name).unwrap();
        found["status"]["phase"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(phase("data"), "Pending");
    client.post(CLAIMS, &claim("more")).await;
    double.settle();
    assert_eq!(phase("more"), "Bound");
    let bound = double.get("persistentvolumeclaims", "default", "more").unwrap();
    assert_eq!(bound["status"]["capacity"]["storage"], "1Gi");
    assert_eq!(bound["spec"]["volumeName"], "pv-more");
}

#[tokio::test]
async fn a_claim_that_waits_for_its_user_is_bound_then_and_kept_while_it_is_used() {
    let (double, client) = start().await;
    double
        .edit("storageclasses", "", "standard", |class| {
            class["volumeBindingMode"] = json!("WaitForFirstConsumer");
        })
        .unwrap();
    client.post(CLAIMS, &claim("data")).await;
    double.settle();
    let found = || double.get("persistentvolumeclaims", "default", "data");
    assert_eq!(found().unwrap()["status"]["phase"], "Pending");
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Always".into();
    machine["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    client.post(VMS, &machine).await;
    double.settle();
    assert_eq!(found().unwrap()["status"]["phase"], "Bound");
    client.delete(&format!("{CLAIMS}/data")).await;
    double.settle();
    assert!(found().unwrap()["metadata"]["deletionTimestamp"].is_string(), "it is in use");
    double.remove("virtualmachines", "default", "vm1").unwrap();
    double.settle();
    assert_eq!(found(), None);
}

#[tokio::test]
async fn a_copy_waits_for_its_original_and_takes_its_claim_along() {
    let (double, client) = start().await;
    let volumes = "/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes";
    let copy = json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
        "metadata": { "name": "copy" },
        "spec": {
            "source": { "pvc": { "namespace": "default", "name": "data" } },
            "pvc": { "resources": { "requests": { "storage": "1Gi" } } },
        },
    });
    client.post(volumes, &copy).await;
    double.settle();
    let phase = || double.get("datavolumes", "default", "copy").unwrap()["status"]["phase"].clone();
    assert_eq!(phase(), "Pending");
    client.post(CLAIMS, &claim("data")).await;
    double.settle();
    double
        .edit("datavolumes", "default", "copy", |one| one["status"]["progress"] = json!(""))
        .unwrap();
    double.settle();
    assert_eq!(phase(), "Succeeded");
    assert!(double.get("persistentvolumeclaims", "default", "copy").is_some());
    client.delete(&format!("{volumes}/copy")).await;
    double.settle();
    assert_eq!(double.get("persistentvolumeclaims", "default", "copy"), None);
}

#[tokio::test]
async fn a_deaf_guest_runs_until_its_grace_period_is_over() {
    let (double, client) = start().await;
    double.set_deaf("vm1");
    running(&double, &client, "vm1").await;
    let stop = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/vm1/stop";
    client.put(stop, &json!({ "gracePeriod": 3600 })).await;
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Stopping");
    client.put(stop, &json!({ "gracePeriod": 0 })).await;
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Stopped");
}

#[tokio::test]
async fn an_instance_goes_to_the_node_that_it_prefers() {
    let (double, client) = start().await;
    for node in ["n1", "n2", "n3"] {
        let mut machine = vm(&format!("vm-{node}"));
        machine["spec"]["runStrategy"] = "Always".into();
        machine["spec"]["template"]["spec"]["affinity"] = json!({ "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 100, "preference": {
                "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }],
            } }],
        } });
        client.post(VMS, &machine).await;
        double.settle();
        let found = double.get("virtualmachineinstances", "default", &format!("vm-{node}"));
        assert_eq!(found.unwrap()["status"]["nodeName"], node);
    }
}
