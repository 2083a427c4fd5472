//! Selectors against one object.

use serde_json::json;

use super::*;
use crate::kinds::{KINDS, VM};

fn matches(labels: &str, fields: &str) -> bool {
    let object = json!({ "metadata": {
        "name": "vm1", "namespace": "default", "labels": { "g": "a", "kubevirt.io/os": "linux" },
    } });
    Selector::parse(&VM, labels, fields).expect("a selector").matches(&object)
}

#[test]
fn labels_select() {
    for selector in [
        "",
        "g=a",
        "g==a",
        "g",
        "!h",
        "g!=b",
        "h!=b",
        "g in (a,b)",
        "g notin (b, c)",
        "h notin (b)",
        "g=a,kubevirt.io/os=linux",
        "g in (a), !h",
    ] {
        assert!(matches(selector, ""), "{selector}");
    }
    for selector in ["g=b", "h", "!g", "g!=a", "g in (b,c)", "g notin (a)", "g=a,h=b", "h in (a)"] {
        assert!(!matches(selector, ""), "{selector}");
    }
}

#[test]
fn fields_select() {
    for selector in ["metadata.name=vm1", "metadata.name!=x,metadata.namespace==default"] {
        assert!(matches("", selector), "{selector}");
    }
    assert!(!matches("", "metadata.name=x"));
    let pods = KINDS.iter().find(|kind| kind.plural == "pods").expect("pods");
    let running = Selector::parse(pods, "", "status.phase=Running").expect("a selector");
    assert!(running.matches(&json!({ "status": { "phase": "Running" } })));
    assert!(!running.matches(&json!({ "status": { "phase": "Failed" } })));
}

#[test]
fn what_cannot_be_read_or_selected_by_is_refused() {
    for labels in ["=a", "g within (a)", "g in a", "a b"] {
        assert!(Selector::parse(&VM, labels, "").is_err(), "{labels}");
    }
    let refused = Selector::parse(&VM, "", "spec.runStrategy=Halted").expect_err("no such field");
    assert_eq!(refused.message(), "field label not supported: spec.runStrategy");
    assert!(Selector::parse(&VM, "", "metadata.name").is_err());
}
