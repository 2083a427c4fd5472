//! What cannot be done with a VM, and why.

use hostler_core::vm::Action;
use hostler_kubevirt::mapper::MappedVm;
use serde_json::{Value, json};

use crate::support::{alone, both, off};

/// What is blocked but snapshots and growing disks, which have tests of their own.
fn blocked(mapped: &MappedVm) -> Vec<&'static str> {
    let actions = mapped.vm.blocked.iter().map(|blocked| blocked.action);
    let elsewhere = |one: &Action| {
        matches!(one, Action::Snapshot | Action::Revert | Action::Clone | Action::GrowDisk)
    };
    actions.filter(|one| !elsewhere(one)).map(Action::as_str).collect()
}

fn reason(mapped: &MappedVm, action: Action) -> Option<&str> {
    mapped.vm.blocked.iter().find(|b| b.action == action).map(|b| b.reason.as_str())
}

fn stopped(strategy: &str) -> MappedVm {
    off(json!({ "spec": { "runStrategy": strategy }, "status": { "printableStatus": "Stopped" } }))
}

#[test]
fn c7_no_disk_is_made_larger_and_what_to_edit_is_said() {
    for mapped in [stopped("Manual"), both(json!({}), json!({})), alone(json!({}))] {
        let why = reason(&mapped, Action::GrowDisk).unwrap();
        assert!(why.contains("spec.resources.requests.storage"), "{why}");
    }
}

#[test]
fn f1_a_run_strategy_decides_what_can_be_started() {
    for (strategy, word) in [("Always", "Always"), ("Once", "Once"), ("WaitAsReceiver", "arrives")]
    {
        let mapped = stopped(strategy);
        assert_eq!(blocked(&mapped), ["save", "start"]);
        assert!(reason(&mapped, Action::Start).unwrap().contains(word));
    }
    for strategy in ["Halted", "Manual", "RerunOnFailure"] {
        assert_eq!(blocked(&stopped(strategy)), ["save"], "{strategy}");
    }
    let strange = stopped("Sometimes");
    assert!(reason(&strange, Action::Start).unwrap().contains("does not know"));
}

#[test]
fn what_there_is_nothing_to_do_for_is_not_blocked() {
    assert_eq!(blocked(&both(json!({}), json!({}))), ["save"], "it runs: starting is done");
    let halting = both(json!({ "spec": { "runStrategy": "Halted" } }), json!({}));
    assert!(reason(&halting, Action::Stop).unwrap().contains("being stopped already"));
    assert_eq!(reason(&halting, Action::ForceStop), None);
}

#[test]
fn a_snapshot_or_restore_under_way_blocks_power() {
    let status = |field: &str| {
        let mut status = json!({ "printableStatus": "Running" });
        status[field] = json!("s1");
        json!({ "status": status })
    };
    let taken = both(status("snapshotInProgress"), json!({}));
    assert_eq!(blocked(&taken), ["save", "stop", "force_stop"]);
    assert!(reason(&taken, Action::Stop).unwrap().contains("\"s1\""));
    let mut back = status("restoreInProgress");
    back["spec"] = json!({ "runStrategy": "Manual" });
    back["status"]["printableStatus"] = json!("Stopped");
    assert!(reason(&taken, Action::Snapshot).unwrap().contains("\"s1\""));
    // A second one would be refused by the cluster, or wait for the first.
    for action in [Action::Start, Action::Revert, Action::Snapshot] {
        assert!(reason(&off(back.clone()), action).unwrap().contains("restore"), "{action:?}");
    }
}

#[test]
fn an_instance_alone_cannot_be_stopped_and_started() {
    let mapped = alone(json!({ "metadata": { "ownerReferences": null } }));
    let never = ["save", "delete_snapshot", "attach_disk", "detach_disk"];
    assert_eq!(blocked(&mapped), [&never[..], &["stop", "force_stop"]].concat());
    let ended = alone(json!({ "status": { "phase": "Succeeded" } }));
    assert_eq!(blocked(&ended), [&never[..], &["start"]].concat());
}

#[test]
fn what_the_guest_cannot_hear_or_show_is_blocked() {
    let with = |domain: Value, conditions: Value| {
        let mapped = both(
            json!({}),
            json!({ "spec": { "domain": domain }, "status": { "conditions": conditions } }),
        );
        blocked(&mapped)
    };
    let no_acpi = || json!({ "features": { "acpi": { "enabled": false } } });
    assert_eq!(with(no_acpi(), json!([])), ["save", "reboot"]);
    let agent = json!([{ "type": "AgentConnected", "status": "True" }]);
    assert_eq!(with(no_acpi(), agent), ["save"]);
    let blind = json!({ "devices": { "autoattachSerialConsole": false, "autoattachGraphicsDevice": false } });
    assert_eq!(with(blind, json!([])), ["save", "console"]);
}

#[test]
fn a_vm_being_deleted_is_not_started() {
    let mapped = off(json!({ "metadata": { "deletionTimestamp": "2026-11-21T02:39:00Z" } }));
    // It is on its way out, which counts as running until it is gone.
    assert_eq!(blocked(&mapped), ["save"]);
    assert_eq!(mapped.vm.power_reason, "terminating");
}

#[test]
fn c14_only_a_vm_that_is_off_is_put_back() {
    assert_eq!(reason(&stopped("Halted"), Action::Revert), None);
    let running = both(json!({}), json!({}));
    assert!(reason(&running, Action::Revert).unwrap().contains("stop it first"));
    assert_eq!(reason(&running, Action::Snapshot), None);
    let alone = alone(json!({ "metadata": { "ownerReferences": null } }));
    assert!(reason(&alone, Action::Snapshot).unwrap().contains("without a VM"));
    assert!(reason(&alone, Action::Clone).unwrap().contains("clones are of VMs"));
    for action in [Action::AttachDisk, Action::DetachDisk] {
        assert!(reason(&alone, action).unwrap().contains("no change would last"), "{action:?}");
        assert_eq!(reason(&running, action), None);
    }
    assert_eq!(reason(&running, Action::Clone), None);
}

#[test]
fn e8_what_cannot_be_migrated_says_why_in_the_words_of_the_cluster() {
    let stuck = json!({ "status": { "conditions": [{ "type": "LiveMigratable", "status": "False",
        "reason": "DisksNotLiveMigratable", "message": "cannot migrate VMI: PVC root is not shared" }] } });
    let mapped = both(json!({}), stuck);
    assert!(reason(&mapped, Action::Migrate).unwrap().contains("is not shared"));
    let unknown = json!({ "status": { "conditions": [] } });
    assert_eq!(reason(&both(json!({}), unknown), Action::Migrate), None, "nobody knows yet");
}
