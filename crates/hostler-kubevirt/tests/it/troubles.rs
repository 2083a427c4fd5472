//! What a cluster says is wrong, picked out.

use serde_json::{Value, json};

use crate::support::{both, off};

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message })
}

#[test]
fn f4_all_of_it_is_the_message_the_worst_first() {
    let mapped = both(
        json!({ "status": { "conditions": [
            condition("RestartRequired", "True", "", "a non-live-updatable field was changed"),
            condition("Failure", "True", "FailedCreate", "quota exceeded")] } }),
        json!({ "status": { "conditions": [
            condition("Synchronized", "False", "Error", "server error. command SyncVMI failed")] } }),
    );
    let about: Vec<&str> = mapped.troubles.iter().map(|t| t.about.as_str()).collect();
    assert_eq!(about, ["Failure", "RestartRequired", "Synchronized"]);
    let told = "quota exceeded; a non-live-updatable field was changed; server error. command \
                SyncVMI failed";
    assert_eq!(mapped.vm.message.as_deref(), Some(told));
    assert_eq!(mapped.troubles[0].reason, "FailedCreate");
}

#[test]
fn f4_what_is_well_or_merely_off_is_no_trouble() {
    assert_eq!(both(json!({}), json!({})).troubles, []);
    for reason in ["VMINotExists", "VMIConditionMissing", "GuestNotRunning"] {
        let mapped = off(json!({ "status": { "conditions": [
            condition("Ready", "False", reason, "nothing")] } }));
        assert_eq!(mapped.vm.message, None, "{reason}");
    }
    let unknown = json!({ "status": { "conditions": [condition("Failure", "Unknown", "", "?")] } });
    assert_eq!(off(unknown).troubles, [], "not known is not so");
}

#[test]
fn f4_volumes_and_failed_starts_tell_their_troubles() {
    let mapped = both(
        json!({ "status": { "startFailure": { "consecutiveFailCount": 3 } } }),
        json!({ "status": { "volumeStatus": [
            { "name": "data", "phase": "Pending", "reason": "FailedAttach", "message": "no such disk" },
            { "name": "root", "phase": "Ready", "message": "Successfully attached" },
            { "phase": "Pending", "message": "lost" }] } }),
    );
    let told: Vec<String> =
        mapped.troubles.iter().map(|t| format!("{}: {}", t.about, t.message)).collect();
    assert_eq!(
        told,
        [
            "startFailure: it failed to start 3 times in a row",
            "volume data: no such disk",
            "volume without name: lost"
        ]
    );
    let none = off(json!({ "status": { "startFailure": { "consecutiveFailCount": 0 } } }));
    assert_eq!(none.troubles, []);
}

#[test]
fn f4_the_same_message_is_told_once_and_a_missing_one_by_its_reason() {
    let twice =
        json!({ "status": { "conditions": [condition("Ready", "False", "PodNotReady", "no")] } });
    assert_eq!(both(twice.clone(), twice).troubles.len(), 1);
    let silent = json!({ "status": { "conditions": [
        { "type": "Failure", "status": "True" }] } });
    assert_eq!(off(silent).vm.message.as_deref(), Some("Failure"));
    let long = condition("Failure", "True", "", &"x".repeat(10_000));
    let mapped = off(json!({ "status": { "conditions": [long] } }));
    assert_eq!(mapped.vm.message.unwrap().len(), 1_000);
}
