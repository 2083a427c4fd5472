//! That verbs take effect, by the double's own small KubeVirt.

use std::time::Duration;

use hostler_kube_double::{Double, Options, Pace};
use serde_json::{Value, json};

use crate::client::{Ask, VMIMS, VMS, running, start, start_with, vm};

pub(crate) fn shown(double: &Double, name: &str) -> String {
    let machine = double.get("virtualmachines", "default", name).unwrap();
    machine["status"]["printableStatus"].as_str().unwrap_or_default().to_owned()
}

fn instance(double: &Double, name: &str) -> Option<Value> {
    double.get("virtualmachineinstances", "default", name)
}

/// What differs at each step, until nothing moves.
fn each_step(double: &Double, look: impl Fn() -> String) -> Vec<String> {
    let mut seen = vec![look()];
    while double.step() {
        let now = look();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    seen
}

#[tokio::test]
async fn a_machine_is_adopted_and_stopped_at_first() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(
        machine["metadata"]["finalizers"],
        json!(["kubevirt.io/virtualMachineControllerFinalize"])
    );
    let ready = &machine["status"]["conditions"][0];
    assert_eq!(machine["status"]["printableStatus"], "Stopped");
    assert_eq!(
        (&ready["type"], &ready["status"], &ready["reason"], &ready["message"]),
        (&json!("Ready"), &json!("False"), &json!("VMINotExists"), &json!("VMI does not exist"))
    );
    assert!(machine["status"].get("created").is_none());
}

#[tokio::test]
async fn a_start_goes_through_its_phases() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    client.call("virtualmachines/vm1/start").await.is_accepted();
    let phases = each_step(&double, || {
        let phase =
            instance(&double, "vm1").map(|one| one["status"]["phase"].as_str().unwrap().to_owned());
        phase.unwrap_or_default()
    });
    assert_eq!(phases, ["", "Pending", "Scheduling", "Scheduled", "Running"]);
    assert_eq!(shown(&double, "vm1"), "Running");
    let one = instance(&double, "vm1").unwrap();
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["status"]["ready"], true);
    assert_eq!(one["metadata"]["ownerReferences"][0]["uid"], machine["metadata"]["uid"]);
    assert_eq!(one["metadata"]["labels"]["kubevirt.io/nodeName"], one["status"]["nodeName"]);
}

#[tokio::test]
async fn a_machine_that_starts_tells_so_as_recorded() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    client.call("virtualmachines/vm1/start").await.is_accepted();
    double.step();
    let status = double.get("virtualmachines", "default", "vm1").unwrap()["status"].clone();
    let ready = &status["conditions"][0];
    assert_eq!(
        (&status["created"], &status["printableStatus"]),
        (&json!(true), &json!("Starting"))
    );
    assert_eq!(
        (&ready["reason"], &ready["status"]),
        (&json!("VMIConditionMissing"), &json!("False"))
    );
    assert_eq!(ready["message"], "VMI is missing the Ready condition");
    assert_eq!(status["runStrategy"], "Always");
    assert_eq!(
        (&status["observedGeneration"], &status["desiredGeneration"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test]
async fn a_stop_ends_the_instance_and_keeps_the_machine() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    assert_eq!(each_step(&double, || shown(&double, "vm1")), ["Running", "Stopping", "Stopped"]);
    assert_eq!(instance(&double, "vm1"), None);
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "Halted");
}

#[tokio::test]
async fn a_restart_makes_an_instance_with_a_new_uid() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let old = instance(&double, "vm1").unwrap()["metadata"]["uid"].clone();
    client.call("virtualmachines/vm1/restart").await.is_accepted();
    double.settle();
    let new = instance(&double, "vm1").unwrap();
    assert_ne!(new["metadata"]["uid"], old);
    assert_eq!(new["status"]["phase"], "Running");
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "Always");
    assert!(machine["status"].get("stateChangeRequests").is_none());
}

#[tokio::test]
async fn a_manual_machine_is_started_and_stopped_without_a_change_of_strategy() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Manual".into();
    client.post(VMS, &machine).await;
    double.settle();
    assert_eq!(instance(&double, "vm1"), None);
    client.call("virtualmachines/vm1/start").await.is_accepted();
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Running");
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Stopped");
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "Manual");
}

#[tokio::test]
async fn once_runs_once_and_stop_makes_it_halted() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Once".into();
    client.post(VMS, &machine).await;
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Running");
    double
        .edit("virtualmachineinstances", "default", "vm1", |one| {
            one["status"]["phase"] = "Succeeded".into();
        })
        .unwrap();
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Stopped");
    // What ended is kept: it is by this that it does not run twice.
    assert_eq!(instance(&double, "vm1").unwrap()["status"]["phase"], "Succeeded");
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "Halted");
}

#[tokio::test]
async fn rerun_on_failure_runs_again_after_a_failure_and_not_after_a_stop() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "RerunOnFailure".into();
    client.post(VMS, &machine).await;
    double.settle();
    let old = instance(&double, "vm1").unwrap()["metadata"]["uid"].clone();
    let end = |phase: &'static str| {
        let edit = |one: &mut Value| one["status"]["phase"] = phase.into();
        double.edit("virtualmachineinstances", "default", "vm1", edit).unwrap();
        double.settle();
    };
    end("Succeeded");
    assert_eq!(shown(&double, "vm1"), "Stopped");
    client.call("virtualmachines/vm1/start").await.is_accepted();
    double.settle();
    let new = instance(&double, "vm1").unwrap();
    assert_eq!(new["status"]["phase"], "Running");
    assert_ne!(new["metadata"]["uid"], old);
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    double.settle();
    assert_eq!((shown(&double, "vm1"), instance(&double, "vm1")), ("Stopped".into(), None));
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine["spec"]["runStrategy"], "RerunOnFailure");
}

#[tokio::test]
async fn rerun_on_failure_makes_a_new_instance_of_what_failed() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "RerunOnFailure".into();
    client.post(VMS, &machine).await;
    double.settle();
    let old = instance(&double, "vm1").unwrap()["metadata"]["uid"].clone();
    double
        .edit("virtualmachineinstances", "default", "vm1", |one| {
            one["status"]["phase"] = "Failed".into();
        })
        .unwrap();
    double.settle();
    let new = instance(&double, "vm1").expect("a new instance");
    assert_ne!(new["metadata"]["uid"], old);
    assert_eq!(new["status"]["phase"], "Running");
}

#[tokio::test]
async fn always_brings_back_what_ended() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let old = instance(&double, "vm1").unwrap()["metadata"]["uid"].clone();
    double
        .edit("virtualmachineinstances", "default", "vm1", |one| {
            one["status"]["phase"] = "Failed".into();
        })
        .unwrap();
    double.settle();
    let new = instance(&double, "vm1").unwrap();
    assert_ne!(new["metadata"]["uid"], old);
    assert_eq!(new["status"]["phase"], "Running");
}

#[tokio::test]
async fn a_start_may_be_paused() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    double.settle();
    let path = format!("{}/virtualmachines/vm1/start", crate::client::VERBS);
    client.put(path, &json!({ "paused": true })).await.is_accepted();
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Paused");
}

#[tokio::test]
async fn a_migration_goes_through_its_phases_to_another_node() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let before = instance(&double, "vm1").unwrap()["status"]["nodeName"].clone();
    client.call("virtualmachines/vm1/migrate").await.is_accepted();
    let phases = each_step(&double, || {
        let job = double.list("virtualmachineinstancemigrations").remove(0);
        let phase = job.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
        format!("{phase} {}", shown(&double, "vm1"))
    });
    assert_eq!(
        phases,
        [
            " Running",
            "Pending Running",
            "Scheduling Running",
            "Scheduled Running",
            "PreparingTarget Running",
            "TargetReady Running",
            "Running Migrating",
            "Succeeded Running"
        ]
    );
    let after = instance(&double, "vm1").unwrap();
    assert_ne!(after["status"]["nodeName"], before);
    let state = &after["status"]["migrationState"];
    assert_eq!((&state["completed"], &state["sourceNode"]), (&json!(true), &before));
    assert_eq!(state["targetNode"], after["status"]["nodeName"]);
}

#[tokio::test]
async fn a_migration_may_fail_and_be_cancelled() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let node = instance(&double, "vm1").unwrap()["status"]["nodeName"].clone();
    double.set_migrations_fail(Some("rig: injected failure"));
    client.call("virtualmachines/vm1/migrate").await.is_accepted();
    double.settle();
    let state = instance(&double, "vm1").unwrap()["status"]["migrationState"].clone();
    assert_eq!(
        (&state["failed"], &state["failureReason"]),
        (&json!(true), &json!("rig: injected failure"))
    );
    assert_eq!(instance(&double, "vm1").unwrap()["status"]["nodeName"], node);
    double.set_migrations_fail(None);
    let job = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": { "name": "m1" }, "spec": { "vmiName": "vm1" },
    });
    assert_eq!(client.post(VMIMS, &job).await.status, 201);
    for _ in 0..5 {
        double.step();
    }
    client.delete(format!("{VMIMS}/m1")).await;
    double.settle();
    let state = instance(&double, "vm1").unwrap()["status"]["migrationState"].clone();
    assert_eq!((&state["abortStatus"], &state["completed"]), (&json!("Succeeded"), &json!(true)));
    assert_eq!(client.get(format!("{VMIMS}/m1")).await.status, 404);
    assert_eq!(instance(&double, "vm1").unwrap()["status"]["nodeName"], node);
}

#[tokio::test]
async fn a_migration_goes_to_the_node_that_its_selector_names_where_that_is_known() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let from = instance(&double, "vm1").unwrap()["status"]["nodeName"].clone();
    let to = ["n3", "n2"].into_iter().find(|node| from != *node).unwrap();
    let job = |name: &str| {
        json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
            "metadata": { "name": name },
            "spec": { "vmiName": "vm1", "addedNodeSelector": { "kubernetes.io/hostname": to } },
        })
    };
    double.set_node_selector(false);
    let strict = client.post(&format!("{VMIMS}?fieldValidation=Strict"), &job("m1")).await;
    assert_eq!(strict.status, 400);
    assert!(strict.json()["message"].as_str().unwrap().contains("spec.addedNodeSelector"));
    double.set_node_selector(true);
    assert_eq!(client.post(VMIMS, &job("m2")).await.status, 201);
    double.settle();
    assert_eq!(instance(&double, "vm1").unwrap()["status"]["nodeName"], *to);
}

#[tokio::test]
async fn a_container_disk_without_a_digest_leaves_a_migration_pending() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Always".into();
    machine["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "d", "containerDisk": { "image": "x/y:z" } }]);
    client.post(VMS, &machine).await;
    double.settle();
    client.call("virtualmachines/vm1/migrate").await.is_accepted();
    double.settle();
    let job = double.list("virtualmachineinstancemigrations").remove(0);
    assert_eq!(job["status"]["phase"], "Pending");
}

#[tokio::test]
async fn five_migrations_that_are_over_are_kept() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    for _ in 0..7 {
        client.call("virtualmachines/vm1/migrate").await.is_accepted();
        double.settle();
    }
    assert_eq!(double.list("virtualmachineinstancemigrations").len(), 5);
}

#[tokio::test]
async fn a_deleted_machine_ends_its_instance_first() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    assert_eq!(client.delete(format!("{VMS}/vm1")).await.json()["kind"], "VirtualMachine");
    double.step();
    assert_eq!(shown(&double, "vm1"), "Terminating");
    double.settle();
    assert_eq!(instance(&double, "vm1"), None);
    assert_eq!(client.get(format!("{VMS}/vm1")).await.status, 404);
}

#[tokio::test]
async fn data_volumes_are_made_before_the_instance() {
    let (double, client) = start().await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Always".into();
    machine["spec"]["dataVolumeTemplates"] = json!([{
        "metadata": { "name": "root" },
        "spec": { "source": { "blank": {} }, "storage": { "resources": { "requests": {
            "storage": "1Gi",
        } } } },
    }]);
    client.post(VMS, &machine).await;
    double.step();
    assert_eq!(shown(&double, "vm1"), "Provisioning");
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Running");
    let claim = double.get("persistentvolumeclaims", "default", "root").unwrap();
    assert_eq!(claim["status"]["phase"], "Bound");
}

#[tokio::test]
async fn a_snapshot_is_taken_and_restored() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    let base = "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default";
    let snapshot = json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
        "metadata": { "name": "s1" },
        "spec": { "source": {
            "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm1",
        } },
    });
    assert_eq!(client.post(format!("{base}/virtualmachinesnapshots"), &snapshot).await.status, 201);
    let phases = each_step(&double, || {
        let one = double.get("virtualmachinesnapshots", "default", "s1").unwrap();
        one.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default().to_owned()
    });
    assert_eq!(phases, ["", "InProgress", "Succeeded"]);
    let one = double.get("virtualmachinesnapshots", "default", "s1").unwrap();
    assert_eq!(one["status"]["readyToUse"], true);
    assert_eq!(one["status"]["indications"], json!(["Online", "GuestAgent"]));
    client.merge(format!("{VMS}/vm1"), &json!({ "metadata": {}, "spec": { "template": { "spec": { "domain": { "cpu": { "cores": 4 } } } } } })).await;
    let restore = json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineRestore",
        "metadata": { "name": "r1" },
        "spec": {
            "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm1" },
            "virtualMachineSnapshotName": "s1",
        },
    });
    client.post(format!("{base}/virtualmachinerestores"), &restore).await;
    double.settle();
    let waits = double.get("virtualmachinerestores", "default", "r1").unwrap();
    assert_eq!(waits["status"]["complete"], false, "the machine runs");
    client.call("virtualmachines/vm1/stop").await.is_accepted();
    double.settle();
    let done = double.get("virtualmachinerestores", "default", "r1").unwrap();
    assert_eq!(done["status"]["complete"], true);
    let machine = double.get("virtualmachines", "default", "vm1").unwrap();
    assert_eq!(machine.pointer("/spec/template/spec/domain/cpu"), None);
}

#[tokio::test]
async fn without_a_node_an_instance_waits_and_its_machine_says_so() {
    let (double, client) = start_with(Options { nodes: 0, ..Options::default() }).await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Always".into();
    client.post(VMS, &machine).await;
    double.settle();
    assert_eq!(shown(&double, "vm1"), "ErrorUnschedulable");
    double
        .put(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": "n9", "labels": { "kubevirt.io/schedulable": "true" } },
        }))
        .unwrap();
    double.settle();
    assert_eq!(shown(&double, "vm1"), "Running");
}

#[tokio::test]
async fn a_timer_moves_things_by_itself() {
    let pace = Pace::Every(Duration::from_millis(10));
    let (double, client) = start_with(Options { pace, ..Options::default() }).await;
    let mut machine = vm("vm1");
    machine["spec"]["runStrategy"] = "Always".into();
    let version = client.post(VMS, &machine).await.json()["metadata"]["resourceVersion"].clone();
    let path = format!("{VMS}?watch=1&resourceVersion={}", version.as_str().unwrap());
    let mut watch = client.watch(&path).await;
    loop {
        let event = watch.next().await.expect("an event");
        if event["object"]["status"]["printableStatus"] == "Running" {
            break;
        }
    }
    drop(double);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_world() {
    let uids = async |seed| {
        let (double, _) = start_with(Options { seed, ..Options::default() }).await;
        double.seed_vms(3).unwrap();
        double
            .list("virtualmachineinstances")
            .iter()
            .map(|one| one["metadata"]["uid"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(uids(7).await, uids(7).await);
    assert_ne!(uids(7).await, uids(8).await);
}

#[tokio::test]
async fn a_namespace_that_ends_takes_its_machines_along() {
    let (double, client) = start().await;
    running(&double, &client, "vm1").await;
    client.delete("/api/v1/namespaces/default").await;
    let refused = client.post(VMS, &vm("vm2")).await;
    assert_eq!((refused.status, &refused.json()["reason"]), (403, &json!("Forbidden")));
    double.settle();
    assert_eq!(client.get("/api/v1/namespaces/default").await.status, 404);
    assert_eq!(double.list("virtualmachines").len(), 0);
}

#[tokio::test]
async fn a_machine_that_is_deleted_with_its_dependents_orphaned_leaves_its_instance_behind() {
    for (policy, stays) in [("Orphan", true), ("Background", false)] {
        let (double, client) = start().await;
        running(&double, &client, "vm1").await;
        let body = json!({ "propagationPolicy": policy }).to_string();
        client.send(Ask { body, ..Ask::new("DELETE", format!("{VMS}/vm1")) }).await;
        double.settle();
        assert!(double.get("virtualmachines", "default", "vm1").is_none());
        let left = instance(&double, "vm1");
        assert_eq!(left.is_some(), stays, "{policy}");
        let owners = left.map(|one| one["metadata"]["ownerReferences"].clone());
        assert!(owners.is_none_or(|owners| owners.as_array().is_none_or(Vec::is_empty)));
    }
}
