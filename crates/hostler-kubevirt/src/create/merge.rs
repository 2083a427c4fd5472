//! What is to be applied: what differs as it is wanted, and everything else as it is.
//!
//! ```text
//!   was ── what is written down, as a document ──┐
//!   wanted ── what is asked for, likewise ───────┼─► objects by their keys, lists by `name`
//!   live ── what the cluster has ────────────────┘
//! ```
//!
//! The lists of a VM (disks, interfaces, networks, volumes) are applied whole or not at all, so
//! an item that is left out of one is taken away, and so is a field left out of an item. What
//! others put there, be it a disk that was plugged in or an address that a webhook gave, is kept
//! therefore: only the items that differ are changed, and of these only the fields that do.

use serde_json::{Map, Value, json};

use super::apply::as_it_became;
use crate::disks::asked_name;

/// What is wanted where it differs from what was; what is there where it does not.
pub(super) fn merged(was: &Value, wanted: &Value, live: &Value) -> Value {
    if was == wanted {
        return as_it_became(wanted, live);
    }
    let (Value::Object(was), Value::Object(wanted), Value::Object(live)) = (was, wanted, live)
    else {
        return listed(was, wanted, live).unwrap_or_else(|| wanted.clone());
    };
    let mut document = Map::new();
    for (key, wanted) in wanted {
        let value = match (was.get(key), live.get(key)) {
            (Some(was), Some(live)) => merged(was, wanted, live),
            // The first of ours, beside those of others.
            (None, Some(live)) => {
                listed(&json!([]), wanted, live).unwrap_or_else(|| wanted.clone())
            }
            _ => wanted.clone(),
        };
        document.insert(key.clone(), value);
    }
    // The last of ours goes; those of others stay.
    for (key, was) in was.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
        let left = live.get(key).and_then(|live| listed(was, &json!([]), live));
        if let Some(Value::Array(left)) = left
            && !left.is_empty()
        {
            document.insert(key.clone(), left.into());
        }
    }
    Value::Object(document)
}

/// Lists of things with names, by these; `None` where they are something else.
fn listed(was: &Value, wanted: &Value, live: &Value) -> Option<Value> {
    let (was, wanted, live) = (named(was)?, named(wanted)?, named(live)?);
    let find = |all: &[(&str, &Value)], name: &str| -> Option<Value> {
        all.iter().find(|(one, _)| *one == name).map(|(_, item)| (*item).clone())
    };
    let mut items = Vec::new();
    for (name, live) in &live {
        match (find(&was, name), find(&wanted, name)) {
            (Some(was), Some(wanted)) => items.push(item(&was, &wanted, live)),
            // A thing of others by the name of a new one of ours is ours to be.
            (None, Some(wanted)) => items.push(wanted),
            (Some(_), None) => {}
            (None, None) => items.push((*live).clone()),
        }
    }
    for (name, wanted) in &wanted {
        // What somebody took away, and nobody asks to be otherwise, stays away.
        let is_gone = find(&was, name).is_some_and(|was| was == **wanted);
        if find(&live, name).is_none() && !is_gone {
            items.push((*wanted).clone());
        }
    }
    Some(items.into())
}

/// The items of a list with their names; `None` where one has none.
fn named(list: &Value) -> Option<Vec<(&str, &Value)>> {
    let items = list.as_array()?.iter();
    items.map(|item| Some((item.get("name")?.as_str()?, item))).collect()
}

/// One thing of a list, with all fields that are not about the difference.
fn item(was: &Value, wanted: &Value, live: &Value) -> Value {
    if was == wanted {
        return live.clone();
    }
    let (Value::Object(was), Value::Object(wanted), Value::Object(live)) = (was, wanted, live)
    else {
        return listed(was, wanted, live).unwrap_or_else(|| wanted.clone());
    };
    let mut fields = live.clone();
    for (key, _) in was.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
        fields.remove(key);
    }
    for (key, wanted) in wanted {
        let value = match (was.get(key), live.get(key)) {
            (Some(was), Some(live)) => item(was, wanted, live),
            (Some(was), None) if was == wanted => continue,
            _ => wanted.clone(),
        };
        fields.insert(key.clone(), value);
    }
    Value::Object(fields)
}

/// Calls the disks of a document as the cluster calls them: one that was added bears a mark there.
pub(super) fn name_as_live(document: &mut Value, live: &Value) {
    const SPEC: &str = "/spec/template/spec";
    let volumes = format!("{SPEC}/volumes");
    let theirs = live.pointer(&volumes).and_then(Value::as_array);
    for volume in theirs.into_iter().flatten() {
        let (Some(asked), Some(name)) =
            (asked_name(volume), volume.get("name").and_then(Value::as_str))
        else {
            continue;
        };
        for list in [&volumes, &format!("{SPEC}/domain/devices/disks")] {
            let items = document.pointer_mut(list).and_then(Value::as_array_mut);
            let named = |item: &&mut Value| item.get("name").and_then(Value::as_str) == Some(asked);
            if let Some(Value::Object(item)) = items.into_iter().flatten().find(named) {
                item.insert("name".to_owned(), name.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x25_of_a_list_only_what_differs_is_asked_for_anew() {
        let was = json!({ "disks": [
            { "name": "root", "disk": { "bus": "virtio" } },
            { "name": "old", "disk": {} },
            { "name": "taken", "disk": {} },
        ] });
        let wanted = json!({ "disks": [
            { "name": "root", "disk": { "bus": "sata" }, "bootOrder": 1 },
            { "name": "taken", "disk": {} },
            { "name": "new", "disk": {} },
        ] });
        let live = json!({ "disks": [
            { "name": "theirs", "disk": { "bus": "scsi" } },
            { "name": "root", "disk": { "bus": "virtio", "pciAddress": "x" }, "cache": "none" },
            { "name": "old", "disk": {} },
        ] });
        assert_eq!(
            merged(&was, &wanted, &live),
            json!({ "disks": [
                { "name": "theirs", "disk": { "bus": "scsi" } },
                { "name": "root", "disk": { "bus": "sata", "pciAddress": "x" }, "cache": "none",
                  "bootOrder": 1 },
                { "name": "new", "disk": {} },
            ] })
        );
    }

    #[test]
    fn x25_the_first_and_the_last_of_ours_leave_those_of_others() {
        let (none, ours) = (json!({}), json!({ "interfaces": [{ "name": "nic-0" }] }));
        let theirs = json!({ "interfaces": [{ "name": "theirs" }] });
        let both = json!({ "interfaces": [{ "name": "theirs" }, { "name": "nic-0" }] });
        assert_eq!(merged(&none, &ours, &theirs), both);
        assert_eq!(merged(&ours, &none, &both), theirs);
        assert_eq!(merged(&ours, &none, &ours), none);
    }

    #[test]
    fn x25_a_field_of_ours_that_is_left_out_goes_and_those_of_others_stay() {
        let one = |fields: Value| json!({ "interfaces": [fields] });
        let was = one(json!({ "name": "nic-0", "bridge": {}, "bootOrder": 2 }));
        let wanted = one(json!({ "name": "nic-0", "bridge": {} }));
        let live =
            one(json!({ "name": "nic-0", "bridge": {}, "bootOrder": 2, "macAddress": "02:00" }));
        let left = one(json!({ "name": "nic-0", "bridge": {}, "macAddress": "02:00" }));
        assert_eq!(merged(&was, &wanted, &live), left);
    }

    #[test]
    fn f30_a_disk_that_was_added_is_called_as_in_the_cluster() {
        let spec = |disks: Value, volumes: Value| {
            json!({ "spec": { "template": { "spec": {
                "domain": { "devices": { "disks": disks } }, "volumes": volumes,
            } } } })
        };
        let mut document = spec(
            json!([{ "name": "root" }, { "name": "data", "bootOrder": 1 }]),
            json!([{ "name": "root" }, { "name": "data" }]),
        );
        let live = spec(
            json!([]),
            json!([
                { "name": "root", "persistentVolumeClaim": { "claimName": "a" } },
                { "name": "data-5f6a7b8c9d0e",
                  "persistentVolumeClaim": { "claimName": "b", "hotpluggable": true } },
            ]),
        );
        name_as_live(&mut document, &live);
        assert_eq!(
            document,
            spec(
                json!([{ "name": "root" }, { "name": "data-5f6a7b8c9d0e", "bootOrder": 1 }]),
                json!([{ "name": "root" }, { "name": "data-5f6a7b8c9d0e" }]),
            )
        );
    }
}
