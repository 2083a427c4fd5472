//! State and reason, for every word that KubeVirt has.

use std::fmt::Write as _;

use expect_test::expect;
use hostler_core::vm::PowerState;
use hostler_kubevirt::mapper::state::RunStrategy;
use serde_json::{Value, json};

use crate::support::{alone, both, off, vm};

const PRINTABLE: &[&str] = &[
    "Stopped",
    "Provisioning",
    "Starting",
    "Running",
    "Paused",
    "Stopping",
    "Terminating",
    "CrashLoopBackOff",
    "Migrating",
    "Unknown",
    "ErrorUnschedulable",
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrorPvcNotFound",
    "DataVolumeError",
    "WaitingForVolumeBinding",
    "WaitingForReceiver",
    "ErrorOfTheFuture",
    "ImageInspectError",
    "ImagePulling",
    "FromTheFuture",
    "",
];
const PHASES: &[&str] = &[
    "",
    "Pending",
    "Scheduling",
    "Scheduled",
    "Running",
    "Succeeded",
    "Failed",
    "WaitingForSync",
    "Unknown",
    "FromTheFuture",
];

fn state(mapped: &hostler_kubevirt::mapper::MappedVm) -> String {
    format!("{:?} ({})", mapped.vm.power, mapped.vm.power_reason)
}

#[test]
fn e5_every_printable_status_without_an_instance() {
    let mut table = String::new();
    for status in PRINTABLE {
        let patch = |strategy| json!({ "spec": { "runStrategy": strategy }, "status": { "printableStatus": status } });
        let (halted, always) = (off(patch("Halted")), off(patch("Always")));
        writeln!(table, "{status:23} {:42} {}", state(&halted), state(&always)).unwrap();
    }
    expect![[r#"
        Stopped                 Stopped (stopped)                          Stopped (stopped)
        Provisioning            Stopped (provisioning)                     Starting (provisioning)
        Starting                Starting (starting)                        Starting (starting)
        Running                 Unknown (instance_not_seen)                Unknown (instance_not_seen)
        Paused                  Unknown (instance_not_seen)                Unknown (instance_not_seen)
        Stopping                Stopping (stopping)                        Stopping (stopping)
        Terminating             Stopping (terminating)                     Stopping (terminating)
        CrashLoopBackOff        Failed (crash_loop_back_off)               Failed (crash_loop_back_off)
        Migrating               Unknown (instance_not_seen)                Unknown (instance_not_seen)
        Unknown                 Unknown (unknown)                          Unknown (unknown)
        ErrorUnschedulable      Failed (error_unschedulable)               Failed (error_unschedulable)
        ErrImagePull            Failed (err_image_pull)                    Failed (err_image_pull)
        ImagePullBackOff        Failed (image_pull_back_off)               Failed (image_pull_back_off)
        ErrorPvcNotFound        Failed (error_pvc_not_found)               Failed (error_pvc_not_found)
        DataVolumeError         Failed (data_volume_error)                 Failed (data_volume_error)
        WaitingForVolumeBinding Stopped (waiting_for_volume_binding)       Starting (waiting_for_volume_binding)
        WaitingForReceiver      Migrating (receiver)                       Migrating (receiver)
        ErrorOfTheFuture        Failed (error_of_the_future)               Failed (error_of_the_future)
        ImageInspectError       Failed (image_inspect_error)               Failed (image_inspect_error)
        ImagePulling            Unknown (image_pulling)                    Unknown (image_pulling)
        FromTheFuture           Unknown (from_the_future)                  Unknown (from_the_future)
                                Stopped (not_yet_handled)                  Stopped (not_yet_handled)
    "#]].assert_eq(&table);
}

#[test]
fn e5_every_phase_of_an_instance_alone() {
    let mut table = String::new();
    for phase in PHASES {
        let (here, leaving) = (
            json!({ "status": { "phase": phase } }),
            json!({
            "status": { "phase": phase },
            "metadata": { "deletionTimestamp": "2026-11-21T02:39:00Z" } }),
        );
        writeln!(table, "{phase:15} {:32} {}", state(&alone(here)), state(&alone(leaving)))
            .unwrap();
    }
    expect![[r#"
                        Starting (pending)               Stopping (terminating)
        Pending         Starting (pending)               Stopping (terminating)
        Scheduling      Starting (scheduling)            Stopping (terminating)
        Scheduled       Starting (scheduled)             Stopping (terminating)
        Running         Running (running)                Stopping (terminating)
        Succeeded       Stopped (shutdown)               Stopped (shutdown)
        Failed          Failed (failed)                  Failed (failed)
        WaitingForSync  Migrating (waiting_for_sync)     Migrating (waiting_for_sync)
        Unknown         Unknown (node_silent)            Unknown (node_silent)
        FromTheFuture   Unknown (from_the_future)        Unknown (from_the_future)
    "#]]
    .assert_eq(&table);
}

#[test]
fn i5_what_a_hypervisor_may_hold_is_never_told_to_be_off() {
    for status in PRINTABLE {
        for phase in ["Scheduled", "Running"] {
            let mapped = both(
                json!({ "status": { "printableStatus": status } }),
                json!({ "status": { "phase": phase } }),
            );
            assert!(mapped.vm.power.is_live(), "{status} {phase}: {}", state(&mapped));
        }
    }
    // Its controller says that it runs, and nobody saw it: neither.
    for status in ["Running", "Paused", "Migrating"] {
        let mapped = off(json!({ "status": { "printableStatus": status } }));
        assert_eq!(mapped.vm.power, PowerState::Unknown, "{status}");
    }
}

#[test]
fn f4_an_error_that_the_controller_names_is_told_before_it_runs() {
    for (phase, wanted) in [
        ("Pending", "Failed (err_image_pull)"),
        ("Scheduling", "Failed (err_image_pull)"),
        ("Succeeded", "Failed (err_image_pull)"),
        ("Failed", "Failed (err_image_pull)"),
        ("Scheduled", "Starting (scheduled)"),
        ("Running", "Running (running)"),
    ] {
        let mapped = both(
            json!({ "status": { "printableStatus": "ErrImagePull" } }),
            json!({ "status": { "phase": phase } }),
        );
        assert_eq!(state(&mapped), wanted, "{phase}");
    }
}

#[test]
fn f4_a_failed_instance_tells_its_reason() {
    let failed = |reason: Value| {
        both(
            json!({ "status": { "printableStatus": "Stopped" } }),
            json!({ "status": { "phase": "Failed", "reason": reason } }),
        )
    };
    assert_eq!(state(&failed(json!("Evicted"))), "Failed (evicted)");
    assert_eq!(state(&failed(json!(null))), "Failed (failed)");
}

#[test]
fn f4_an_instance_that_finds_no_node_has_failed() {
    let unschedulable = json!({ "status": { "phase": "Scheduling", "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
          "message": "0/3 nodes are available: 3 Insufficient memory." }] } });
    let mapped = alone(unschedulable);
    assert_eq!(state(&mapped), "Failed (error_unschedulable)");
    assert_eq!(
        mapped.vm.message.as_deref(),
        Some("0/3 nodes are available: 3 Insufficient memory.")
    );
}

#[test]
fn e5_disks_being_filled_are_told_by_what_is_wished() {
    let waiting = |status: &str| {
        both(
            json!({ "status": { "printableStatus": status } }),
            json!({ "status": { "phase": "Pending" } }),
        )
    };
    assert_eq!(state(&waiting("WaitingForVolumeBinding")), "Starting (waiting_for_volume_binding)");
    assert_eq!(state(&waiting("WaitingForReceiver")), "Migrating (receiver)");
    assert_eq!(state(&waiting("Starting")), "Starting (pending)");
    let manual = |requests: Value| {
        off(json!({ "spec": { "runStrategy": "Manual" },
            "status": { "printableStatus": "Provisioning", "stateChangeRequests": requests } }))
    };
    assert_eq!(state(&manual(json!([{ "action": "Start" }]))), "Starting (provisioning)");
    assert_eq!(state(&manual(json!([]))), "Stopped (provisioning)");
}

#[test]
fn e5_a_vm_that_is_deleted_stops_first() {
    let deleted = || json!({ "metadata": { "deletionTimestamp": "2026-11-21T02:39:00Z" } });
    assert_eq!(state(&both(deleted(), json!({}))), "Stopping (terminating)");
    assert_eq!(state(&off(deleted())), "Stopping (terminating)");
    assert_eq!(state(&both(json!({}), deleted())), "Stopping (stopping)");
}

fn live(status: Value) -> String {
    state(&both(json!({}), json!({ "status": status })))
}

#[test]
fn e5_a_pause_tells_who_paused() {
    let paused = |reason: Value| {
        live(json!({ "conditions": [{ "type": "Paused", "status": "True", "reason": reason }] }))
    };
    assert_eq!(paused(json!("PausedByUser")), "Paused (user)");
    assert_eq!(paused(json!("PausedIOError")), "Paused (io_error)");
    assert_eq!(paused(json!("PausedByMigrationMonitor")), "Paused (migration)");
    assert_eq!(paused(json!("PausedByMagic")), "Paused (paused_by_magic)");
    assert_eq!(paused(json!(null)), "Paused (unknown)");
    let not = live(json!({ "conditions": [{ "type": "Paused", "status": "False" }] }));
    assert_eq!(not, "Running (running)");
}

#[test]
fn e5_a_migration_is_told_while_memory_is_on_its_way_and_by_its_end() {
    let start = "2026-11-21T02:39:00Z";
    let migration = |state: Value| live(json!({ "migrationState": state }));
    assert_eq!(migration(json!({ "targetNode": "n2" })), "Running (running)", "not begun");
    assert_eq!(migration(json!({ "startTimestamp": start })), "Migrating (migration)");
    assert_eq!(
        migration(json!({ "startTimestamp": start, "mode": "PostCopy" })),
        "Migrating (postcopy)"
    );
    let end = json!({ "startTimestamp": start, "endTimestamp": start, "completed": true });
    assert_eq!(migration(end), "Running (migrated)");
    let end = json!({ "startTimestamp": start, "endTimestamp": start, "completed": true, "failed": true });
    assert_eq!(migration(end), "Running (migration_failed)");
}

#[test]
fn every_run_strategy_and_the_older_way_to_say_it() {
    let of = |spec: Value| RunStrategy::of(&vm(json!({ "spec": spec })));
    for strategy in [
        RunStrategy::Always,
        RunStrategy::Halted,
        RunStrategy::Manual,
        RunStrategy::RerunOnFailure,
        RunStrategy::Once,
        RunStrategy::WaitAsReceiver,
    ] {
        assert_eq!(of(json!({ "runStrategy": strategy.as_str() })), Some(strategy));
    }
    assert_eq!(of(json!({ "runStrategy": null, "running": true })), Some(RunStrategy::Always));
    assert_eq!(of(json!({ "runStrategy": null, "running": false })), Some(RunStrategy::Halted));
    assert_eq!(of(json!({ "runStrategy": null })), Some(RunStrategy::Halted));
    assert_eq!(of(json!({ "runStrategy": "Sometimes" })), None);
}
