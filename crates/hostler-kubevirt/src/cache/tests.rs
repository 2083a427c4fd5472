//! What the cache does with what it is told.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The `n`th object of that name, in that version.
fn object(uid: &str, name: &str, version: &str) -> Object {
    Object {
        uid: uid.into(),
        key: ObjectKey::in_namespace("default", name),
        version: version.into(),
        document: json!({ "uid": uid, "version": version }),
    }
}

fn cache(objects: &[(&str, &str, &str)]) -> Cache<Value> {
    let mut cache = Cache::new(as_it_is);
    let all = objects.iter().map(|(uid, name, version)| object(uid, name, version));
    cache.replace(all.collect());
    cache
}

/// What is there, as `name=uid@version`.
fn shown(cache: &Cache<Value>) -> Vec<String> {
    let show = |(key, value): (&ObjectKey, &Arc<Value>)| {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap().to_owned();
        format!("{}={}@{}", key.name, text("uid"), text("version"))
    };
    cache.all().map(show).collect()
}

fn is_echo(taken: &Taken<Value>) -> bool {
    matches!(taken, Taken::Echo)
}

#[test]
fn e9_what_is_deleted_does_not_come_back() {
    let mut cache = cache(&[("u1", "a", "1")]);
    cache.remove("u1");
    assert!(is_echo(&cache.put(object("u1", "a", "2"))), "a change that came too late");
    assert!(is_echo(&cache.put(object("u1", "a", "9"))));
    assert!(cache.is_empty());
    assert!(is_echo(&cache.remove("u1")), "a deletion that came twice");
    // Not even one that was never here.
    cache.remove("u2");
    assert!(is_echo(&cache.put(object("u2", "b", "3"))));
}

#[test]
fn e9_a_late_deletion_does_not_delete_the_next_of_that_name() {
    let mut cache = cache(&[("u1", "a", "1")]);
    let Taken::New(deltas) = cache.put(object("u2", "a", "2")) else { panic!("it is new") };
    assert!(matches!(deltas.as_slice(), [Delta::Gone { .. }, Delta::Put { .. }]));
    assert!(is_echo(&cache.put(object("u1", "a", "3"))), "it is gone, though nobody said so");
    assert!(is_echo(&cache.remove("u1")));
    assert!(is_echo(&cache.put(object("u1", "a", "4"))));
    assert_eq!(shown(&cache), ["a=u2@2"]);
}

#[test]
fn e9_an_event_that_comes_again_changes_nothing() {
    let mut cache = cache(&[("u1", "a", "1")]);
    assert!(is_echo(&cache.put(object("u1", "a", "1"))));
    cache.put(object("u1", "a", "2"));
    cache.put(object("u1", "a", "3"));
    assert!(is_echo(&cache.put(object("u1", "a", "2"))), "from the past");
    assert!(is_echo(&cache.put(object("u1", "a", "1"))));
    assert_eq!(shown(&cache), ["a=u1@3"]);
}

#[test]
fn x26_versions_are_not_ordered() {
    let mut cache = cache(&[("u1", "a", "1000")]);
    cache.put(object("u1", "a", "999"));
    assert_eq!(shown(&cache), ["a=u1@999"], "smaller is not older");
}

#[test]
fn x26_what_a_list_does_not_hold_is_gone() {
    let mut cache = cache(&[("u1", "a", "1"), ("u2", "b", "1"), ("u3", "c", "1")]);
    let deltas =
        cache.replace(vec![object("u1", "a", "1"), object("u2", "b", "2"), object("u4", "c", "3")]);
    let mut told: Vec<String> = deltas
        .iter()
        .map(|delta| match delta {
            Delta::Put { uid, .. } => format!("put {uid}"),
            Delta::Gone { uid, .. } => format!("gone {uid}"),
        })
        .collect();
    told.sort();
    assert_eq!(told, ["gone u3", "put u2", "put u4"]);
    assert_eq!(shown(&cache), ["a=u1@1", "b=u2@2", "c=u4@3"]);
}

#[test]
fn e9_x25_of_who_manages_an_object_only_the_names_are_kept() {
    let document = json!({"metadata": {
        "uid": "u1", "name": "a", "namespace": "default", "resourceVersion": "7",
        "managedFields": [
            {"manager": "curl", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
            {"manager": "virt", "subresource": "status", "time": "2026-01-01T00:00:00Z"}, 7,
        ],
        "labels": {"x": "y"},
    }});
    let object = Object::read(document).unwrap();
    assert_eq!(object.key, ObjectKey::in_namespace("default", "a"));
    let managed = json!([{"manager": "curl"}, {"manager": "virt", "subresource": "status"}, 7]);
    assert_eq!(object.document.pointer("/metadata/managedFields"), Some(&managed));
    assert_eq!(object.document.pointer("/metadata/labels/x"), Some(&json!("y")));
    for missing in ["uid", "name", "resourceVersion"] {
        let mut broken = json!({"metadata": {"uid": "u", "name": "a", "resourceVersion": "7"}});
        broken["metadata"][missing] = json!("");
        assert!(Object::read(broken).is_none(), "{missing}");
    }
    assert!(Object::read(json!([])).is_none());
}

#[test]
fn e9_a_flood_of_events_is_noticed() {
    let mut cache = cache(&[]);
    for n in 0..=MAX_REMEMBERED {
        cache.remove(&n.to_string());
    }
    assert!(cache.is_crowded());
    cache.replace(Vec::new());
    assert!(!cache.is_crowded());
    for n in 0..MAX_REMEMBERED + 2 {
        cache.put(object("u1", "a", &n.to_string()));
    }
    assert!(cache.is_crowded());
    cache.remove("u1");
    assert!(!cache.is_crowded());
}

proptest! {
    /// The two ways to find an object never disagree, whatever is told.
    #[test]
    fn e9_names_and_uids_agree(
        steps in proptest::collection::vec((0u8..8, 0u8..6, 0u8..3, 0u8..5), 0..100),
    ) {
        let mut cache = Cache::new(as_it_is);
        let mut removed = HashSet::new();
        for (what, uid, name, version) in steps {
            let (uid, name) = (format!("u{uid}"), format!("n{name}"));
            match what {
                0 => {
                    cache.replace(vec![object(&uid, &name, &version.to_string())]);
                    removed.clear();
                }
                1 => {
                    cache.remove(&uid);
                    removed.insert(uid);
                }
                _ => {
                    cache.put(object(&uid, &name, &version.to_string()));
                }
            }
            prop_assert_eq!(cache.by_key.len(), cache.by_uid.len());
            for (key, uid) in &cache.by_key {
                prop_assert_eq!(&cache.by_uid[uid].key, key);
                prop_assert!(!removed.contains(uid));
            }
            let past: usize = cache.by_uid.values().map(|entry| entry.past.len()).sum();
            prop_assert_eq!(cache.past, past);
        }
    }
}
