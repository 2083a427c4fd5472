//! Migrations: how far, since when, and how they ended.

use hostler_kubevirt::mapper::{MappedMigration, MigrationPhase, Outcome, map_migration};
use serde_json::{Value, json};

use crate::support::{at, read};

fn mapped(patch: Value) -> MappedMigration {
    map_migration(&read("migration", patch)).unwrap()
}

#[test]
fn f1_a_migration_that_succeeded_tells_its_way_and_times() {
    let told = mapped(json!({}));
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.vm_name.as_deref(), Some("web"));
    assert_eq!(
        (told.source_node.as_deref(), told.target_node.as_deref()),
        (Some("n1"), Some("n2"))
    );
    assert_eq!(told.requested_at, Some(at("2026-11-21T03:02:50Z")));
    assert_eq!(told.started_at, Some(at("2026-11-21T03:02:58Z")));
    assert_eq!(told.ended_at, Some(at("2026-11-21T03:03:00Z")));
    assert_eq!(told.phases.len(), 6);
    assert_eq!(told.phases[4], (MigrationPhase::Running, at("2026-11-21T03:02:58Z")));
    assert_eq!(told.bandwidth_limit_bytes_per_second, None, "0 is no limit");
    assert_eq!(told.timeout_seconds_per_gib, Some(150));
    assert_eq!(told.progress_timeout_seconds, Some(150));
    assert_eq!(told.mode.as_deref(), Some("PreCopy"));
    assert!(!told.is_abort_requested && !told.is_between_clusters);
}

#[test]
fn every_phase_is_known_and_those_of_the_future_are_unknown() {
    let phase = |word: &str| mapped(json!({ "status": { "phase": word } })).phase.unwrap();
    let known = [
        ("", MigrationPhase::New),
        ("Pending", MigrationPhase::Pending),
        ("Scheduling", MigrationPhase::Scheduling),
        ("Scheduled", MigrationPhase::Scheduled),
        ("PreparingTarget", MigrationPhase::PreparingTarget),
        ("TargetReady", MigrationPhase::TargetReady),
        ("Running", MigrationPhase::Running),
        ("Succeeded", MigrationPhase::Succeeded),
        ("Failed", MigrationPhase::Failed),
        ("WaitingForSync", MigrationPhase::WaitingForSync),
        ("Synchronizing", MigrationPhase::Synchronizing),
    ];
    for (word, wanted) in known {
        assert_eq!(phase(word), wanted, "{word}");
    }
    assert_eq!(phase("Teleporting"), MigrationPhase::Unknown);
}

#[test]
fn f4_a_failure_tells_its_reason_and_an_abort_that_it_was_one() {
    let failed = |state: Value, conditions: Value| {
        mapped(json!({ "status": { "phase": "Failed", "migrationState": state, "conditions": conditions } }))
            .outcome
    };
    let reason = json!({ "failed": true, "failureReason": "target pod was evicted" });
    assert_eq!(failed(reason, json!([])), Outcome::Failed(Some("target pod was evicted".into())));
    let aborted = json!({ "failed": true, "abortRequested": true, "abortStatus": "Succeeded" });
    assert_eq!(failed(aborted, json!([])), Outcome::Aborted);
    let condition = json!([{ "type": "migrationRejectedByResourceQuota", "status": "True" },
        { "type": "MigrationFailed", "status": "True", "message": "no node" }]);
    assert_eq!(failed(json!(null), condition), Outcome::Failed(Some("no node".into())));
    assert_eq!(failed(json!({ "completed": null }), json!([])), Outcome::Failed(None));
}

#[test]
fn an_unknown_phase_is_judged_by_the_state() {
    let outcome = |state: Value| {
        let mut patch = json!({ "status": { "phase": "Teleporting" } });
        patch["status"]["migrationState"] = state;
        mapped(patch).outcome
    };
    assert_eq!(outcome(json!(null)), Outcome::Unknown);
    assert_eq!(outcome(json!({})), Outcome::Succeeded, "as the object tells");
    assert_eq!(outcome(json!({ "completed": null })), Outcome::Unknown, "over, and not how");
    assert_eq!(outcome(json!({ "completed": false, "endTimestamp": null })), Outcome::UnderWay);
}

#[test]
fn deleting_it_is_asking_for_its_end_and_e6_it_needs_its_names() {
    let deleted = json!({ "metadata": { "deletionTimestamp": "2026-11-21T03:02:59Z" } });
    assert!(mapped(deleted).is_abort_requested);
    assert!(mapped(json!({ "spec": { "sendTo": { "migrationID": "x" } } })).is_between_clusters);
    for field in ["name", "namespace"] {
        let mut patch = json!({ "metadata": {} });
        patch["metadata"][field] = json!("");
        assert!(map_migration(&read("migration", patch)).is_err());
    }
}
