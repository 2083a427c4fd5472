//! That machines are cloned as KubeVirt does it: by a snapshot and a restore, in its phases.

use hostler_kube_double::Double;
use serde_json::{Value, json};

use crate::client::{VMS, start, vm};

const CLONES: &str = "/apis/clone.kubevirt.io/v1beta1/namespaces/default/virtualmachineclones";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

fn clone(source: &str, target: &str, patches: &[Value]) -> Value {
    let of =
        |name: &str| json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": name });
    let patches: Vec<String> = patches.iter().map(Value::to_string).collect();
    json!({
        "apiVersion": "clone.kubevirt.io/v1beta1", "kind": "VirtualMachineClone",
        "metadata": { "name": "c1" },
        "spec": { "source": of(source), "target": of(target), "patches": patches },
    })
}

fn get(double: &Double, plural: &str, name: &str) -> Option<Value> {
    double.get(plural, "default", name)
}

/// A machine with one claim for a disk, and addresses and an identity of its own.
fn with_claim() -> (Value, Value) {
    let mut machine = vm("vm1");
    machine["metadata"]["labels"] = json!({ "tier": "web", "hostler.io/vm-id": "x" });
    let spec = &mut machine["spec"]["template"]["spec"];
    spec["volumes"] = json!([{ "name": "root", "persistentVolumeClaim": { "claimName": "root" } }]);
    spec["domain"]["devices"] = json!({
        "disks": [{ "name": "root", "disk": { "bus": "virtio" } }],
        "interfaces": [{ "name": "nic-0", "masquerade": {}, "macAddress": "02:00:00:00:00:01" }],
    });
    spec["networks"] = json!([{ "name": "nic-0", "pod": {} }]);
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "root" },
        "spec": {
            "storageClassName": "standard", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Mi" } },
        },
    });
    (machine, claim)
}

#[tokio::test]
async fn a_clone_goes_through_its_phases_and_tidies_up() {
    let (double, client) = start().await;
    let (machine, claim) = with_claim();
    assert_eq!(client.post(CLAIMS, &claim).await.status, 201);
    assert_eq!(client.post(VMS, &machine).await.status, 201);
    double.settle();
    let label = json!({ "op": "add", "path": "/metadata/labels", "value": { "made": "anew" } });
    assert_eq!(client.post(CLONES, &clone("vm1", "vm2", &[label])).await.status, 201);
    let phase = || {
        let one = get(&double, "virtualmachineclones", "c1").unwrap();
        one["status"]["phase"].as_str().unwrap_or_default().to_owned()
    };
    let mut phases = vec![phase()];
    while double.step() {
        if phases.last() != Some(&phase()) {
            phases.push(phase());
        }
    }
    assert_eq!(phases, ["", "SnapshotInProgress", "RestoreInProgress", "Succeeded"]);
    for plural in ["virtualmachinesnapshots", "virtualmachinerestores"] {
        assert_eq!(double.list(plural), Vec::<Value>::new(), "{plural}");
    }
    let made = get(&double, "virtualmachines", "vm2").unwrap();
    assert_eq!(made["metadata"]["labels"], json!({ "made": "anew" }));
    assert_eq!(made["spec"]["runStrategy"], "Halted");
    let spec = &made["spec"]["template"]["spec"];
    assert_eq!(spec["domain"]["devices"]["interfaces"][0]["macAddress"], Value::Null);
    let source = get(&double, "virtualmachines", "vm1").unwrap();
    let firmware = |vm: &Value| vm["spec"]["template"]["spec"]["domain"]["firmware"].clone();
    assert_ne!(firmware(&made)["uuid"], firmware(&source)["uuid"]);
    let name = spec["volumes"][0]["persistentVolumeClaim"]["claimName"].as_str().unwrap();
    let claim = get(&double, "persistentvolumeclaims", name).unwrap();
    let notes = &claim["metadata"]["annotations"];
    let restore = notes["restore.kubevirt.io/name"].as_str().unwrap();
    assert!(restore.starts_with("tmp-restore-"), "{restore}");
    let mark = &made["metadata"]["annotations"]["restore.kubevirt.io/lastRestoreUID"];
    assert_eq!(mark, &notes["restore.kubevirt.io/lastRestoreUID"]);
    double.remove("virtualmachines", "default", "vm2").unwrap();
    double.settle();
    assert_eq!(get(&double, "virtualmachineclones", "c1"), None, "it goes with its machine");
    assert!(get(&double, "persistentvolumeclaims", name).is_some(), "which did not own it");
}

#[tokio::test]
async fn a_clone_that_cannot_begin_stays_and_says_why() {
    let (double, client) = start().await;
    client.post(CLONES, &clone("gone", "vm2", &[])).await;
    double.settle();
    let one = get(&double, "virtualmachineclones", "c1").unwrap();
    let conditions = one["status"]["conditions"].as_array().unwrap();
    let reason =
        |kind: &str| conditions.iter().find(|one| one["type"] == kind).unwrap()["reason"].clone();
    assert_eq!(reason("Progressing"), "Pending");
    assert_eq!(reason("Ready"), "Source doesnt exist: VirtualMachine default/gone");
}

#[tokio::test]
async fn a_clone_is_judged_and_pruned() {
    let (double, client) = start().await;
    let same = client.post(CLONES, &clone("vm1", "vm1", &[])).await;
    assert_eq!(same.status, 422, "{}", same.text);
    double.set_clone_patches(false);
    let strict = format!("{CLONES}?fieldValidation=Strict");
    let refused = client.post(strict, &clone("vm1", "vm2", &[])).await;
    assert_eq!(refused.status, 400);
    let words = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(words.contains("unknown field \"spec.patches\""), "{words}");
}
