//! Snapshots and restores.

use hostler_core::snapshot::{Consistency, SnapshotState};
use hostler_kubevirt::mapper::snapshots::{
    NAME_ANNOTATION, RestoreStands, SNAPSHOT_LABEL, SnapshotPhase,
};
use hostler_kubevirt::mapper::{MappedSnapshot, map_restore, map_snapshot};
use serde_json::{Value, json};

use crate::support::{at, now, read};

fn mapped(patch: Value) -> MappedSnapshot {
    map_snapshot(&read("snapshot", patch), now()).unwrap()
}

#[test]
fn e5_a_snapshot_is_told_whole() {
    let told = mapped(json!({}));
    assert_eq!((told.namespace.as_str(), told.name.as_str()), ("shop", "before-upgrade"));
    assert_eq!(told.vm_name.value().map(String::as_str), Some("web"));
    assert_eq!(told.vm_uid.as_deref(), Some("539b3a36-bc5e-43e3-9f7f-695d51e1209e"));
    assert_eq!(told.phase, SnapshotPhase::Succeeded);
    assert_eq!(told.is_ready.value(), Some(&true));
    assert_eq!(told.requested_at, Some(at("2026-11-21T04:00:00Z")));
    assert_eq!(told.taken_at, Some(at("2026-11-21T04:00:08Z")));
    assert_eq!(told.indications, ["Online", "GuestAgent"]);
    assert_eq!(told.included_volumes.value().unwrap(), &["root", "data"]);
    assert_eq!(told.excluded_volumes.value().unwrap(), &["tools", "seed"]);
    assert_eq!(told.failure_deadline.as_deref(), Some("5m0s"));
    assert_eq!(told.message, None);
}

#[test]
fn e5_phases_and_their_failures() {
    let phase = |word: Value| mapped(json!({ "status": { "phase": word } })).phase;
    assert_eq!(phase(json!(null)), SnapshotPhase::InProgress);
    assert_eq!(phase(json!("InProgress")), SnapshotPhase::InProgress);
    assert_eq!(phase(json!("Failed")), SnapshotPhase::Failed);
    assert_eq!(phase(json!("Deleting")), SnapshotPhase::Deleting);
    assert_eq!(phase(json!("Unknown")), SnapshotPhase::Unknown);
    let deleted = json!({ "metadata": { "deletionTimestamp": "2026-11-21T04:10:00Z" } });
    assert_eq!(mapped(deleted).phase, SnapshotPhase::Deleting);
    let error =
        json!({ "status": { "error": { "message": "no space", "time": "2026-11-21T04:00:09Z" } } });
    assert_eq!(mapped(error).message.as_deref(), Some("no space"));
    let failed = json!({ "status": { "conditions": [
        { "type": "Ready", "status": "False", "reason": "x" },
        { "type": "Failure", "status": "True", "message": "deadline exceeded" }] } });
    assert_eq!(mapped(failed).message.as_deref(), Some("deadline exceeded"));
}

#[test]
fn x17_what_a_snapshot_does_not_tell_is_absent() {
    let told = mapped(json!({ "status": null, "spec": { "source": { "kind": "Pod" } } }));
    assert!(told.is_ready.reason().is_some());
    assert!(told.included_volumes.reason().is_some());
    assert!(told.vm_name.reason().unwrap().contains("does not name a VM"));
    let older = mapped(json!({ "status": { "sourceIndications": null } }));
    assert_eq!(older.indications, ["Online", "GuestAgent"], "the older list");
}

#[test]
fn e6_a_snapshot_needs_its_names_and_so_does_a_restore() {
    for field in ["name", "namespace"] {
        let mut patch = json!({ "metadata": {} });
        patch["metadata"][field] = json!(null);
        assert!(map_snapshot(&read("snapshot", patch.clone()), now()).is_err());
        assert!(map_restore(&read("restore", patch), now()).is_err());
    }
}

#[test]
fn a_restore_tells_what_it_waits_for() {
    let told = map_restore(&read("restore", json!({})), now()).unwrap();
    assert_eq!(told.snapshot.as_deref(), Some("before-upgrade"));
    assert_eq!(told.vm_name.as_deref(), Some("web"));
    assert_eq!(told.is_complete.value(), Some(&false));
    assert_eq!(told.message.as_deref(), Some("Waiting for target to be ready"));
    let done = json!({ "status": { "complete": true, "restoreTime": "2026-11-21T05:00:09Z",
        "restores": [{ "volumeName": "root", "persistentVolumeClaim": "restore-1-root" }],
        "conditions": [{ "type": "Ready", "status": "True", "reason": "Operation complete" }] } });
    let told = map_restore(&read("restore", done), now()).unwrap();
    assert_eq!((told.stands, told.message), (RestoreStands::Complete, None));
    assert_eq!(told.restores, [("root".to_owned(), "restore-1-root".to_owned())]);
    let silent = map_restore(&read("restore", json!({ "status": null })), now()).unwrap();
    assert!(silent.is_complete.reason().is_some());
}

#[test]
fn c14_how_consistent_a_snapshot_is_follows_from_its_indications() {
    let told = |phase: &str, words: Value| {
        let all: Vec<Value> =
            words.as_array().unwrap().iter().map(|w| json!({ "indication": w })).collect();
        let patch =
            json!({ "status": { "phase": phase, "indications": words, "sourceIndications": all } });
        mapped(patch).consistency(now()).value().copied()
    };
    for (words, wanted) in [
        (json!([]), Consistency::Offline),
        (json!(["Online", "GuestAgent"]), Consistency::Quiesced),
        (json!(["Online", "NoGuestAgent"]), Consistency::Crash),
        (json!(["Online", "GuestAgent", "QuiesceTimeout"]), Consistency::Crash),
        (json!(["Online", "GuestAgent", "Paused"]), Consistency::Crash),
    ] {
        assert_eq!(told("Succeeded", words.clone()), Some(wanted), "{words}");
    }
    assert_eq!(told("InProgress", json!([])), None);
}

#[test]
fn e5_what_is_not_ours_has_its_own_name_and_no_tag() {
    let foreign = mapped(json!({ "metadata": { "annotations": { NAME_ANNOTATION: "theirs" } } }));
    let seen = foreign.into_observed(now());
    assert_eq!(
        (seen.name.as_str(), seen.tag, seen.state),
        ("before-upgrade", None, SnapshotState::Ready)
    );
    let id = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    let ours = mapped(json!({ "metadata": {
        "labels": { SNAPSHOT_LABEL: id }, "annotations": { NAME_ANNOTATION: "Ours" } } }));
    let seen = ours.into_observed(now());
    assert_eq!((seen.name.as_str(), seen.tag.unwrap().to_string()), ("Ours", id.to_owned()));
}
