//! Ownership as the recorded server wrote it.

use super::*;

/// The VM of the recording, and its `fieldsV1`.
#[test]
fn what_a_create_owns_is_as_recorded() {
    let object = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": { "name": "vm1", "namespace": "default", "uid": "d50df2ce" },
        "spec": { "runStrategy": "Halted", "template": { "spec": { "domain": {
            "devices": {}, "resources": { "requests": { "memory": "64Mi" } },
        } } } },
    });
    let recorded = json!({ "f:spec": {
        ".": {}, "f:runStrategy": {}, "f:template": { ".": {}, "f:spec": { ".": {}, "f:domain": {
            ".": {}, "f:devices": {},
            "f:resources": { ".": {}, "f:requests": { ".": {}, "f:memory": {} } },
        } } },
    } });
    let owned = Difference::between(&json!({}), &object).added;
    assert_eq!(to_v1(&owned), recorded);
    assert_eq!(from_v1(&recorded), owned);
}

/// virt-controller's entry on annotations and finalizers, as recorded.
#[test]
fn finalizers_are_a_set_and_annotations_a_map() {
    let before = json!({ "metadata": { "name": "vm1" } });
    let after = json!({ "metadata": {
        "name": "vm1", "annotations": { "kubevirt.io/latest-observed-api-version": "v1" },
        "finalizers": ["kubevirt.io/virtualMachineControllerFinalize"],
    } });
    let added = Difference::between(&before, &after).added;
    assert_eq!(
        to_v1(&added),
        json!({ "f:metadata": {
            "f:annotations": { ".": {}, "f:kubevirt.io/latest-observed-api-version": {} },
            "f:finalizers": {
                ".": {}, "v:\"kubevirt.io/virtualMachineControllerFinalize\"": {},
            },
        } })
    );
}

#[test]
fn who_applies_owns_leaves_alone() {
    let object = json!({
        "apiVersion": "v1", "kind": "X", "metadata": { "name": "a", "labels": { "app": "b" } },
        "spec": { "disks": [1, 2], "empty": {}, "deep": { "er": null } },
    });
    assert_eq!(
        to_v1(&applied(&object)),
        json!({
            "f:metadata": { "f:labels": { "f:app": {} } },
            "f:spec": { "f:disks": {}, "f:empty": {}, "f:deep": { "f:er": {} } },
        })
    );
}

#[test]
fn a_list_is_one_field_and_a_map_is_not() {
    let before = json!({ "spec": { "disks": [1], "map": { "a": 1, "b": 1 } } });
    let after = json!({ "spec": { "disks": [2], "map": { "a": 2, "c": 1 } } });
    let difference = Difference::between(&before, &after);
    let shown_all = |set: &Set| set.iter().map(|path| shown(path)).collect::<Vec<_>>();
    assert_eq!(shown_all(&difference.modified), [".spec.disks", ".spec.map.a"]);
    assert_eq!(shown_all(&difference.added), [".spec.map.c"]);
    assert_eq!(shown_all(&difference.removed), [".spec.map.b"]);
}
