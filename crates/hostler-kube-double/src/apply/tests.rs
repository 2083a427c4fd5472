//! Rules of apply that need no server; what it answers over HTTP is tested in `tests/it`.

use super::*;

fn writer(manager: &str, operation: Operation) -> Writer {
    Writer {
        manager: manager.into(),
        operation,
        subresource: String::new(),
        api_version: "kubevirt.io/v1".into(),
        time: "2026-11-21T02:29:56Z".into(),
    }
}

fn applied(live: &Value, config: &Value, manager: &str) -> Value {
    apply(live, config, &writer(manager, Operation::Apply), false).expect("no conflict")
}

#[test]
fn what_is_left_out_is_taken_back_with_what_held_it() {
    let one = applied(&json!({}), &json!({ "spec": { "a": 1, "deep": { "b": 1 } } }), "a");
    let two = applied(&one, &json!({ "spec": { "a": 1 } }), "a");
    assert_eq!(two["spec"], json!({ "a": 1 }));
}

#[test]
fn what_another_owns_too_stays() {
    let one = applied(&json!({}), &json!({ "spec": { "a": 1, "b": 1 } }), "a");
    let two = applied(&one, &json!({ "spec": { "b": 1 } }), "b");
    let three = applied(&two, &json!({ "spec": { "a": 1 } }), "a");
    assert_eq!(three["spec"], json!({ "a": 1, "b": 1 }));
}

#[test]
fn a_plain_writer_owns_what_it_changed_and_is_named_with_its_version() {
    let mut written = json!({ "spec": { "a": 1 } });
    own_changes(&json!({}), &mut written, &writer("curl", Operation::Update));
    let refused =
        apply(&written, &json!({ "spec": { "a": 2 } }), &writer("a", Operation::Apply), false)
            .expect_err("curl owns it");
    assert_eq!(
        refused.message(),
        "Apply failed with 1 conflict: conflict with \"curl\" using kubevirt.io/v1: .spec.a"
    );
}

#[test]
fn a_plain_write_takes_a_field_from_whoever_applied_it() {
    let one = applied(&json!({}), &json!({ "spec": { "a": 1 } }), "a");
    let mut two = one.clone();
    two["spec"]["a"] = json!(2);
    own_changes(&one, &mut two, &writer("curl", Operation::Update));
    let managers: Vec<&str> = json::list(&two, "/metadata/managedFields")
        .iter()
        .map(|e| json::text(e, "/manager"))
        .collect();
    assert_eq!(managers, ["curl"]);
}

#[test]
fn the_same_twice_changes_nothing() {
    let config = json!({ "metadata": { "finalizers": ["x"] }, "spec": { "a": 1 } });
    let one = applied(&json!({}), &config, "a");
    assert_eq!(applied(&one, &config, "a"), one);
    let without = applied(&one, &json!({ "spec": { "a": 1 } }), "a");
    assert_eq!(without.pointer("/metadata/finalizers"), None);
}
