//! Paths, as clients write them.

use super::*;

fn at(path: &str) -> Target {
    target(path, &Catalog::default())
}

#[test]
fn objects_are_found_with_namespace_name_and_subresource() {
    let Target::Object(path) = at("/apis/kubevirt.io/v1/namespaces/a/virtualmachines/b/status")
    else {
        panic!("no object")
    };
    assert_eq!((path.kind.kind, path.version.as_str()), ("VirtualMachine", "v1"));
    assert_eq!(path.namespace.as_deref(), Some("a"));
    assert_eq!(path.name.as_deref(), Some("b"));
    assert_eq!(path.subresource.as_deref(), Some("status"));
    let Target::Object(path) = at("/api/v1/namespaces/a") else { panic!("no namespace") };
    assert_eq!((path.kind.kind, path.name.as_deref()), ("Namespace", Some("a")));
    let Target::Object(path) = at("/api/v1/namespaces/a/pods") else { panic!("no pods") };
    assert_eq!((path.kind.kind, path.namespace.as_deref()), ("Pod", Some("a")));
}

#[test]
fn what_is_not_served_is_unknown() {
    for path in [
        "/apis/kubevirt.io/v7/virtualmachines",
        "/apis/kubevirt.io/v1/bogus",
        "/apis/kubevirt.io/v1/virtualmachines/b",
        "/api/v1/namespaces/a/nodes",
        "/bogus",
    ] {
        assert_eq!(at(path), Target::Unknown, "{path}");
    }
}

#[test]
fn verbs_are_told_from_paths_that_their_authoriser_cannot_read() {
    let base = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm1";
    assert_eq!(at(base), Target::UnknownVerb);
    assert_eq!(
        at(&format!("{base}/evacuate/cancel")).class(),
        "virtualmachineinstances/evacuate/cancel"
    );
}
