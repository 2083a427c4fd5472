//! Patches by the examples of their standards.

use serde_json::json;

use super::*;

fn patched(mut target: Value, patch: &Value) -> Option<Value> {
    operations(&mut target, patch).ok().map(|()| target)
}

#[test]
fn a_merge_patch_removes_by_null_and_replaces_lists() {
    let mut target = json!({ "a": { "b": 1, "c": 2 }, "d": [1, 2] });
    merge(&mut target, &json!({ "a": { "b": null, "e": { "f": 1, "g": null } }, "d": [3] }));
    assert_eq!(target, json!({ "a": { "c": 2, "e": { "f": 1 } }, "d": [3] }));
}

#[test]
fn each_operation_does_what_the_standard_says() {
    let target = json!({ "a": [1, 3], "x/y": 1 });
    let patch = json!([
        { "op": "add", "path": "/a/1", "value": 2 },
        { "op": "add", "path": "/a/-", "value": 4 },
        { "op": "test", "path": "/a", "value": [1, 2, 3, 4] },
        { "op": "move", "from": "/x~1y", "path": "/z" },
        { "op": "copy", "from": "/z", "path": "/w" },
        { "op": "replace", "path": "/z", "value": 5 },
        { "op": "remove", "path": "/a/0" },
    ]);
    assert_eq!(patched(target, &patch), Some(json!({ "a": [2, 3, 4], "z": 5, "w": 1 })));
}

#[test]
fn an_operation_that_does_not_apply_refuses_the_patch() {
    for operation in [
        json!({ "op": "test", "path": "/a", "value": 2 }),
        json!({ "op": "remove", "path": "/b" }),
        json!({ "op": "replace", "path": "/b", "value": 1 }),
        json!({ "op": "add", "path": "/b/c", "value": 1 }),
        json!({ "op": "bogus", "path": "/a" }),
    ] {
        assert_eq!(patched(json!({ "a": 1 }), &json!([operation])), None, "{operation}");
    }
}
