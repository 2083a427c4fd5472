//! What is read of an installation, and which counts.

use serde_json::{Value, json};

use super::*;

fn read(object: &Value) -> Installation {
    Installation::of(&objects::read(object.clone()).unwrap())
}

#[test]
fn x28_an_object_is_read_as_far_as_it_tells() {
    let object = json!({"status": {
        "phase": "Deployed", "observedKubeVirtVersion": "v1.6.0",
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Degraded", "status": "Unknown"},
        ],
    }});
    let told = read(&object);
    assert_eq!(told.available, Some(true));
    assert_eq!((told.degraded, told.version.as_deref()), (None, Some("v1.6.0")));
    let nameless = Installation { place: "/".into(), ..Installation::default() };
    assert_eq!(read(&json!({})), nameless);
}

#[test]
fn x29_gates_and_the_version_to_come_are_read_wherever_the_object_lives() {
    let object = json!({
        "metadata": { "namespace": "harvester-system", "name": "kubevirt" },
        "spec": { "configuration": { "developerConfiguration": {
            "featureGates": ["Snapshot", 7], "disabledFeatureGates": ["Template"] } } },
        "status": { "observedKubeVirtVersion": "v1.8.0", "targetKubeVirtVersion": "v1.9.0" },
    });
    let told = read(&object);
    assert_eq!(
        (told.place.as_str(), told.target.as_deref()),
        ("harvester-system/kubevirt", Some("v1.9.0"))
    );
    assert_eq!(
        (told.gates.listed, told.gates.disabled),
        (vec!["Snapshot".into()], vec!["Template".into()])
    );
}

#[test]
fn x29_the_rule_is_the_same_for_whoever_asks() {
    let one = |place: &str, phase: &str| Installation {
        place: place.into(),
        phase: phase.into(),
        ..Installation::default()
    };
    let chosen = choose(vec![one("a/a", ""), one("b/b", "Deployed")], |it| it).unwrap();
    assert_eq!((chosen.one.place.as_str(), chosen.is_ambiguous), ("b/b", false));
    let chosen = choose(vec![one("a/a", "Deployed"), one("b/b", "Deployed")], |it| it).unwrap();
    assert!(chosen.is_ambiguous);
    let chosen = choose(vec![one("a/a", "Deploying")], |it| it).unwrap();
    assert!(!chosen.is_ambiguous && chosen.others.is_empty());
}
