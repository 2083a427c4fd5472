//! Returns to snapshots, as KubeVirt's controller of them was read to work.

use hostler_kube_double::Double;
use serde_json::{Value, json};

use crate::client::{VMS, running, start, vm};

const BASE: &str = "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": name, "annotations": { "holds": "old" } },
        "spec": {
            "storageClassName": "standard", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
    })
}

fn snapshot() -> Value {
    json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
        "metadata": { "name": "s1" },
        "spec": { "source": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm1" } },
    })
}

fn restore(name: &str) -> Value {
    json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineRestore",
        "metadata": { "name": name },
        "spec": {
            "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm1" },
            "virtualMachineSnapshotName": "s1",
        },
    })
}

fn told(double: &Double, name: &str, condition: &str) -> (String, String) {
    let one = double.get("virtualmachinerestores", "default", name).unwrap();
    let conditions = one["status"]["conditions"].as_array().unwrap().clone();
    let found = conditions.into_iter().find(|one| one["type"] == condition).unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

fn machine(double: &Double) -> Value {
    double.get("virtualmachines", "default", "vm1").unwrap()
}

/// A stopped machine with a claim, and a snapshot of both; then the claim holds something new.
async fn snapshotted() -> (Double, crate::client::Client) {
    let (double, client) = start().await;
    client.post(CLAIMS, &claim("root")).await;
    let mut with = vm("vm1");
    with["spec"]["runStrategy"] = "Manual".into();
    with["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "root", "persistentVolumeClaim": { "claimName": "root" } }]);
    client.post(VMS, &with).await;
    double.settle();
    client.post(format!("{BASE}/virtualmachinesnapshots"), &snapshot()).await;
    double.settle();
    let changes = |claim: &mut Value| claim["metadata"]["annotations"]["holds"] = json!("new");
    double.edit("persistentvolumeclaims", "default", "root", changes).unwrap();
    (double, client)
}

#[tokio::test]
async fn a_restore_makes_new_claims_of_the_machines_own_and_leaves_the_old_ones() {
    let (double, client) = snapshotted().await;
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
    double.settle();
    let done = double.get("virtualmachinerestores", "default", "r1").unwrap();
    assert_eq!(done["status"]["complete"], true, "{done:#}");
    let uid = done["metadata"]["uid"].as_str().unwrap();
    let name = format!("restore-{uid}-root");
    assert_eq!(done["status"]["restores"][0]["persistentVolumeClaim"], *name);
    assert_eq!(done["status"]["restores"][0]["volumeName"], "root");
    let machine = machine(&double);
    assert_eq!(done["metadata"]["ownerReferences"][0]["uid"], machine["metadata"]["uid"]);
    let volumes = &machine["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["persistentVolumeClaim"]["claimName"], *name);
    assert_eq!(machine["spec"]["runStrategy"], "Manual", "it is run as before");
    assert_eq!(machine["status"].get("restoreInProgress"), None);
    let mark = &machine["metadata"]["annotations"]["restore.kubevirt.io/lastRestoreUID"];
    assert_eq!(*mark, format!("r1-{uid}"));
    let claim = double.get("persistentvolumeclaims", "default", &name).unwrap();
    assert_eq!(claim["metadata"]["annotations"]["holds"], "old");
    assert_eq!(claim["metadata"]["ownerReferences"][0]["uid"], machine["metadata"]["uid"]);
    assert_eq!(claim["status"]["phase"], "Bound");
    let old = double.get("persistentvolumeclaims", "default", "root").unwrap();
    assert_eq!(old["metadata"]["annotations"]["holds"], "new");
    // What the machine owns goes with it, as the garbage collector has it.
    client.delete(&format!("{VMS}/vm1")).await;
    double.settle();
    assert_eq!(double.get("persistentvolumeclaims", "default", &name), None);
    assert!(double.get("persistentvolumeclaims", "default", "root").is_some());
}

#[tokio::test]
async fn a_restore_waits_for_any_instance_and_fails_after_a_while() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    client.post(format!("{BASE}/virtualmachinesnapshots"), &snapshot()).await;
    double.settle();
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
    double.settle();
    let (status, reason) = told(&double, "r1", "Progressing");
    assert_eq!(status, "False");
    assert!(reason.starts_with("Waiting for target VM to be powered off"), "{reason}");
    // One in progress is in the way of others, and so is one that failed.
    let other = client.post(format!("{BASE}/virtualmachinerestores"), &restore("r2")).await;
    assert_eq!(other.status, 422);
    double.set_restores_wait(-1);
    double.settle();
    let (status, reason) = told(&double, "r1", "Failure");
    assert_eq!(status, "True", "{reason}");
    assert!(reason.contains("failed to be ready within 5m0s"), "{reason}");
    let other = client.post(format!("{BASE}/virtualmachinerestores"), &restore("r2")).await;
    assert_eq!(other.status, 422);
    client.delete(&format!("{BASE}/virtualmachinerestores/r1")).await;
    double.settle();
    let mut at_once = restore("r2");
    at_once["spec"]["targetReadinessPolicy"] = json!("FailImmediate");
    assert_eq!(client.post(format!("{BASE}/virtualmachinerestores"), &at_once).await.status, 201);
    double.settle();
    let (status, reason) = told(&double, "r2", "Failure");
    assert_eq!((status.as_str(), reason.contains("must be powered off")), ("True", true));
}

#[tokio::test]
async fn what_goes_wrong_in_a_restore_is_told_and_tried_again_for_ever() {
    let (double, client) = snapshotted().await;
    double.set_restores_stick(Some("exceeded quota: storage"));
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
    double.settle();
    let wanted = ("False".to_owned(), "exceeded quota: storage".to_owned());
    assert_eq!(
        (told(&double, "r1", "Progressing"), told(&double, "r1", "Ready")),
        (wanted.clone(), wanted)
    );
    assert_eq!(told(&double, "r1", "Failure"), (String::new(), String::new()));
    assert_eq!(machine(&double)["status"]["restoreInProgress"], "r1");
    double.set_restores_stick(None);
    double.settle();
    let done = double.get("virtualmachinerestores", "default", "r1").unwrap();
    assert_eq!(done["status"]["complete"], true);
    // And one that is deleted on the way lets the machine go, as it was.
    double.set_restores_stick(Some("exceeded quota: storage"));
    let before = machine(&double)["spec"].clone();
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r2")).await;
    double.settle();
    client.delete(&format!("{BASE}/virtualmachinerestores/r2")).await;
    double.settle();
    assert_eq!(double.get("virtualmachinerestores", "default", "r2"), None);
    assert_eq!(machine(&double)["status"].get("restoreInProgress"), None);
    assert_eq!(machine(&double)["spec"], before);
}

#[tokio::test]
async fn who_owns_what_a_restore_makes_is_asked_where_that_is_known() {
    let (double, client) = snapshotted().await;
    let mut nobody = restore("r1");
    nobody["spec"]["volumeOwnershipPolicy"] = json!("None");
    double.set_restore_policies(false);
    let strict = format!("{BASE}/virtualmachinerestores?fieldValidation=Strict");
    let refused = client.post(&strict, &nobody).await;
    assert_eq!(refused.status, 400);
    double.set_restore_policies(true);
    assert_eq!(client.post(&strict, &nobody).await.status, 201);
    double.settle();
    let done = double.get("virtualmachinerestores", "default", "r1").unwrap();
    let name = done["status"]["restores"][0]["persistentVolumeClaim"].as_str().unwrap();
    let claim = double.get("persistentvolumeclaims", "default", name).unwrap();
    assert_eq!(claim["metadata"].get("ownerReferences"), None);
}

#[tokio::test]
async fn data_volumes_from_templates_are_made_anew_and_the_old_ones_deleted() {
    let (double, client) = start().await;
    let mut with = vm("vm1");
    with["spec"]["runStrategy"] = "Manual".into();
    with["spec"]["dataVolumeTemplates"] = json!([{
        "metadata": { "name": "root" },
        "spec": { "source": { "blank": {} }, "storage": {
            "storageClassName": "standard", "resources": { "requests": { "storage": "1Gi" } },
        } },
    }]);
    with["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "root", "dataVolume": { "name": "root" } }]);
    client.post(VMS, &with).await;
    double.settle();
    client.post(format!("{BASE}/virtualmachinesnapshots"), &snapshot()).await;
    double.settle();
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
    double.settle();
    let done = double.get("virtualmachinerestores", "default", "r1").unwrap();
    assert_eq!(done["status"]["complete"], true, "{done:#}");
    assert_eq!(done["status"]["deletedDataVolumes"], json!(["root"]));
    let name = done["status"]["restores"][0]["dataVolumeName"].as_str().unwrap();
    let machine = machine(&double);
    assert_eq!(machine["spec"]["dataVolumeTemplates"][0]["metadata"]["name"], name);
    let volumes = &machine["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["dataVolume"]["name"], name);
    assert_eq!(double.get("datavolumes", "default", "root"), None);
    assert_eq!(double.get("persistentvolumeclaims", "default", "root"), None);
    let claim = double.get("persistentvolumeclaims", "default", name).unwrap();
    assert_eq!(claim["metadata"]["ownerReferences"][0]["kind"], "DataVolume");
}

/// Only the claim is another one; what is in no backup comes back with the claim that it had.
#[tokio::test]
async fn a_volume_stays_plugged_in_and_one_that_was_left_out_keeps_its_claim() {
    let (double, client) = start().await;
    let mut slow = claim("slow");
    slow["spec"]["storageClassName"] = json!("local");
    client.post(CLAIMS, &claim("data")).await;
    client.post(CLAIMS, &slow).await;
    double.set_unsnapshotted("local");
    let mut with = vm("vm1");
    with["spec"]["runStrategy"] = "Manual".into();
    let plugged = |name: &str| json!({ "claimName": name, "hotpluggable": true });
    with["spec"]["template"]["spec"]["volumes"] = json!([
        { "name": "data", "persistentVolumeClaim": plugged("data") },
        { "name": "slow", "persistentVolumeClaim": plugged("slow") },
    ]);
    client.post(VMS, &with).await;
    double.settle();
    client.post(format!("{BASE}/virtualmachinesnapshots"), &snapshot()).await;
    double.settle();
    let taken = double.get("virtualmachinesnapshots", "default", "s1").unwrap();
    assert_eq!(taken["status"]["snapshotVolumes"]["excludedVolumes"], json!(["slow"]));
    client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
    double.settle();
    let volumes = machine(&double)["spec"]["template"]["spec"]["volumes"].clone();
    let of = |at: usize| volumes[at]["persistentVolumeClaim"].clone();
    assert_eq!((of(0)["hotpluggable"].clone(), of(1)), (json!(true), plugged("slow")));
    assert!(of(0)["claimName"].as_str().unwrap().starts_with("restore-"), "{volumes}");
}

/// Up to 1.4 only what is halted is put back, in 1.5 everything is halted by it.
#[tokio::test]
async fn how_a_machine_is_run_after_it_was_put_back_is_the_versions_business() {
    for (version, left) in
        [("v1.4.0", None), ("v1.5.1", Some("Halted")), ("v1.6.0", Some("Manual"))]
    {
        let (double, client) = snapshotted().await;
        let tells = |one: &mut Value| one["status"]["observedKubeVirtVersion"] = version.into();
        double.edit("kubevirts", "kubevirt", "kubevirt", tells).unwrap();
        let open = |one: &mut Value| {
            one["spec"]["configuration"]["developerConfiguration"]["featureGates"] =
                json!(["Snapshot"]);
        };
        double.edit("kubevirts", "kubevirt", "kubevirt", open).unwrap();
        client.post(format!("{BASE}/virtualmachinerestores"), &restore("r1")).await;
        double.settle();
        let one = double.get("virtualmachinerestores", "default", "r1").unwrap();
        assert_eq!(one["status"]["complete"], json!(left.is_some()), "{version}: {one:#}");
        if left.is_none() {
            let why = told(&double, "r1", "Ready");
            assert!(why.1.contains("invalid RunStrategy"), "{why:?}");
        }
        let how = machine(&double)["spec"]["runStrategy"].clone();
        assert_eq!(how, left.unwrap_or("Manual"), "{version}");
    }
}
