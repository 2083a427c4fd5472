//! Clones of machines: a snapshot of the source, a restore of that to a machine of another name, and
//! both taken away when the new claims are bound.
//!
//! ```text
//!   (none) ─► SnapshotInProgress ─► RestoreInProgress ─► Succeeded, its names cleared once all is bound
//!     │            └─► Failed, told to fail               └─► deleted when its machine is
//!     └─ without its source, or with a volume that has no snapshots: stays, pending
//! ```
//!
//! As its controller does it (main, August 2026), which goes through several phases in one turn where
//! nothing has to be waited for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{add, kind, remove, save, set_condition};
use crate::json;
use crate::kinds::{CLONES, RESTORES, SNAPSHOTS, VM};
use crate::store::Key;
use crate::world::{World, stamp};

/// Moves a clone on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(clone) = world.store.get(&CLONES, key).cloned() else { return };
    let target = Key::new(&key.namespace, json::text(&clone, "/spec/target/name"));
    let phase = json::text(&clone, "/status/phase");
    if phase == "Succeeded" && world.store.get(&VM, &target).is_none() {
        return remove(world, &CLONES, key);
    }
    match phase {
        "" | "SnapshotInProgress" => snapshot(world, key, &clone),
        "RestoreInProgress" => restore(world, key, &clone),
        "Succeeded" => tidy(world, key, &clone),
        _ => {}
    }
}

/// Looks again at the clones of a namespace that wait for something.
pub(super) fn wake(world: &mut World, namespace: &str) {
    let waiting: Vec<Key> = world
        .store
        .list(&CLONES, Some(namespace))
        .filter(|(_, one)| {
            json::text(one, "/status/phase") != "Succeeded"
                || !json::text(one, "/status/restoreName").is_empty()
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in waiting {
        world.touch(&CLONES, &key);
    }
}

/// Looks at the clones that made a machine which is gone.
pub(super) fn follow(world: &mut World, machine: &Key) {
    let made: Vec<Key> = world
        .store
        .list(&CLONES, Some(&machine.namespace))
        .filter(|(_, one)| json::text(one, "/spec/target/name") == machine.name)
        .map(|(key, _)| key.clone())
        .collect();
    for key in made {
        world.touch(&CLONES, &key);
    }
}

fn is_of_machine(clone: &Value) -> bool {
    json::text(clone, "/spec/source/kind") == VM.kind
}

fn told(world: &World, clone: &Value, phase: &str, progressing: &str, ready: &str) -> Value {
    let now = stamp(world.now);
    let mut next = clone.clone();
    if !phase.is_empty() {
        json::set(&mut next, "/status/phase", phase.into());
    }
    let is_done = if phase == "Succeeded" { "True" } else { "False" };
    let is_busy = if progressing == "Still processing" { "True" } else { "False" };
    set_condition(&mut next, "Progressing", Some((is_busy, progressing, "")), &now);
    set_condition(&mut next, "Ready", Some((is_done, ready, "")), &now);
    next
}

/// It waits, and says why in the reason of a condition.
fn wait(world: &mut World, clone: &Arc<Value>, why: &str) {
    let next = told(world, clone, "", "Pending", why);
    save(world, &CLONES, clone, next);
}

fn snapshot(world: &mut World, key: &Key, clone: &Arc<Value>) {
    if let Some(words) = world.switches.clones_fail.clone() {
        let next = told(world, clone, "Failed", "Failed", &words);
        return save(world, &CLONES, clone, next);
    }
    let source = Key::new(&key.namespace, json::text(clone, "/spec/source/name"));
    let mut name = json::text(clone, "/status/snapshotName").to_owned();
    if is_of_machine(clone) && name.is_empty() {
        let Some(machine) = world.store.get(&VM, &source).cloned() else {
            let why =
                format!("Source doesnt exist: VirtualMachine {}/{}", key.namespace, source.name);
            return wait(world, clone, &why);
        };
        if let Some(why) = not_snapshotable(&machine) {
            return wait(world, clone, &why);
        }
        name = format!("tmp-snapshot-{}", json::text(clone, "/metadata/uid"));
        let object = json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": SNAPSHOTS.kind,
            "metadata": { "name": name, "ownerReferences": owned_by(clone) },
            "spec": { "source": {
                "apiGroup": "kubevirt.io", "kind": VM.kind, "name": source.name,
            } },
        });
        add(world, &SNAPSHOTS, &key.namespace, object);
        let mut next =
            told(world, clone, "SnapshotInProgress", "Still processing", "Still processing");
        json::set(&mut next, "/status/snapshotName", name.as_str().into());
        return save(world, &CLONES, clone, next);
    }
    if name.is_empty() {
        name.clone_from(&source.name);
    }
    let Some(found) = world.store.get(&SNAPSHOTS, &Key::new(&key.namespace, &name)).cloned() else {
        let why = format!("Source doesnt exist: VirtualMachineSnapshot {}/{name}", key.namespace);
        return wait(world, clone, &why);
    };
    if found.pointer("/status/readyToUse") != Some(&Value::Bool(true)) {
        let next = told(world, clone, "SnapshotInProgress", "Still processing", "Still processing");
        return save(world, &CLONES, clone, next);
    }
    let restore = format!("tmp-restore-{}", json::text(clone, "/metadata/uid"));
    let Some(patches) = patches(world, &found, clone) else { return };
    let object = json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": RESTORES.kind,
        "metadata": { "name": restore, "ownerReferences": owned_by(clone) },
        "spec": {
            "target": clone.pointer("/spec/target"), "virtualMachineSnapshotName": name,
            "patches": patches,
        },
    });
    add(world, &RESTORES, &key.namespace, object);
    let mut next = told(world, clone, "RestoreInProgress", "Still processing", "Still processing");
    json::set(&mut next, "/status/restoreName", restore.into());
    save(world, &CLONES, clone, next);
}

fn restore(world: &mut World, key: &Key, clone: &Arc<Value>) {
    let name = json::text(clone, "/status/restoreName");
    let Some(found) = world.store.get(&RESTORES, &Key::new(&key.namespace, name)) else { return };
    if found.pointer("/status/complete") != Some(&Value::Bool(true)) {
        return;
    }
    let target = json::text(clone, "/spec/target/name").to_owned();
    if world.store.get(&VM, &Key::new(&key.namespace, &target)).is_none() {
        return;
    }
    let mut next = told(world, clone, "Succeeded", "Ready", "Ready");
    json::set(&mut next, "/status/targetName", target.into());
    save(world, &CLONES, clone, next);
}

/// Takes away what it worked with, once nobody needs it any more.
fn tidy(world: &mut World, key: &Key, clone: &Arc<Value>) {
    let name = json::text(clone, "/status/restoreName");
    if name.is_empty() {
        return;
    }
    let restore = Key::new(&key.namespace, name);
    let (Some(found), Some(claims)) =
        (world.store.get(&RESTORES, &restore), kind("persistentvolumeclaims"))
    else {
        return;
    };
    let are_bound = json::list(found, "/status/restores").iter().all(|one| {
        let claim = Key::new(&key.namespace, json::text(one, "/persistentVolumeClaim"));
        let claim = world.store.get(claims, &claim);
        claim.is_some_and(|claim| json::text(claim, "/status/phase") == "Bound")
    });
    if !are_bound {
        return;
    }
    remove(world, &RESTORES, &restore);
    if is_of_machine(clone) {
        let snapshot = json::text(clone, "/status/snapshotName");
        remove(world, &SNAPSHOTS, &Key::new(&key.namespace, snapshot));
    }
    let mut next = (**clone).clone();
    json::remove(&mut next, "/status/snapshotName");
    json::remove(&mut next, "/status/restoreName");
    save(world, &CLONES, clone, next);
}

/// Why a machine cannot be snapshotted whole, by its status.
fn not_snapshotable(machine: &Value) -> Option<String> {
    let volumes = json::list(machine, "/spec/template/spec/volumes");
    let told = json::list(machine, "/status/volumeSnapshotStatuses");
    let mut why = Vec::new();
    for volume in volumes.iter().filter(|volume| super::restored::is_storage(volume)) {
        let name = json::text(volume, "/name");
        match told.iter().find(|one| json::text(one, "/name") == name) {
            None => why.push(format!("volume {name} snapshot support unknown")),
            Some(one) if one.get("enabled") != Some(&Value::Bool(true)) => {
                why.push(format!("volume {name} is not snapshotable"));
            }
            Some(_) => {}
        }
    }
    (!why.is_empty()).then(|| why.join("\n"))
}

fn owned_by(clone: &Value) -> Value {
    json!([{
        "apiVersion": "clone.kubevirt.io/v1beta1", "kind": CLONES.kind,
        "name": json::text(clone, "/metadata/name"), "uid": json::text(clone, "/metadata/uid"),
        "controller": true, "blockOwnerDeletion": true,
    }])
}

/// What is changed of the machine that the snapshot holds: its own patches, then those asked for.
fn patches(world: &World, snapshot: &Value, clone: &Value) -> Option<Vec<Value>> {
    let machine = super::snapshots::content(world, snapshot)?;
    let mut patches = Vec::new();
    let domain = "/spec/template/spec/domain";
    let interfaces = json::list(&machine, &format!("{domain}/devices/interfaces"));
    for (at, interface) in interfaces.iter().enumerate() {
        let name = json::text(interface, "/name");
        let mac = json::text(clone, &format!("/spec/newMacAddresses/{name}"));
        let path = format!("{domain}/devices/interfaces/{at}/macAddress");
        patches.push(json!({ "op": "replace", "path": path, "value": mac }));
    }
    if machine.pointer(&format!("{domain}/firmware")).is_some() {
        let serial = json::text(clone, "/spec/newSMBiosSerial");
        let serial = json!({ "op": "replace", "path": format!("{domain}/firmware/serial"), "value": serial });
        let uuid =
            json!({ "op": "replace", "path": format!("{domain}/firmware/uuid"), "value": "" });
        patches.extend([serial, uuid]);
    }
    for (filters, at) in [
        ("/spec/labelFilters", "/metadata/labels"),
        ("/spec/annotationFilters", "/metadata/annotations"),
    ] {
        let Some(filters) = clone.pointer(filters) else { continue };
        let all = machine.pointer(at).and_then(Value::as_object).into_iter().flatten();
        for (key, _) in all.filter(|(key, _)| !passes(filters, key)) {
            let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            patches.push(json!({ "op": "remove", "path": path }));
        }
    }
    let mut told: Vec<Value> = patches.iter().map(|one| one.to_string().into()).collect();
    told.extend_from_slice(json::list(clone, "/spec/patches"));
    Some(told)
}

/// Whether a label passes filters: its rules are expressions that may fit anywhere in the key, and
/// those with `!` before them count most.
fn passes(filters: &Value, key: &str) -> bool {
    let filters = filters.as_array().map_or(&[][..], Vec::as_slice);
    let fits = |rule: &str| key.contains(rule.trim_end_matches('*').trim_end_matches('/'));
    let rules = || filters.iter().filter_map(Value::as_str);
    let is_in = rules().filter(|rule| !rule.starts_with('!')).any(fits);
    is_in && !rules().filter_map(|rule| rule.strip_prefix('!')).any(fits)
}
