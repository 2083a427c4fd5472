//! Snapshots of machines, with the content that a restore takes the specification from.
//!
//! ```text
//!   snapshot:  (none) ─► InProgress ─► Succeeded ─► (deleted) its content goes, then itself
//!                            └─► Failed, told to fail
//!   restore:   (none) ─► waits for the machine to stop ─► complete
//! ```

use std::sync::Arc;

use serde_json::{Value, json};

use super::{add, kind, restored, save, save_main, set_condition};
use crate::json;
use crate::kinds::{RESTORES, SNAPSHOTS, VM, VMI};
use crate::store::Key;
use crate::world::{World, stamp};

/// What keeps a snapshot until its content is gone.
const SNAPSHOT_FINALIZER: &str = "snapshot.kubevirt.io/vmsnapshot-protection";
/// What keeps a restore until it is done with.
const RESTORE_FINALIZER: &str = "snapshot.kubevirt.io/vmrestore-protection";

/// Moves a snapshot on; one of a machine that is not there waits.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(snapshot) = held(world, &SNAPSHOTS, key, SNAPSHOT_FINALIZER) else { return };
    if snapshot.pointer("/metadata/deletionTimestamp").is_some() {
        let content = json::text(&snapshot, "/status/virtualMachineSnapshotContentName");
        if let Some(contents) = kind("virtualmachinesnapshotcontents") {
            super::remove(world, contents, &Key::new(&key.namespace, content));
        }
        if json::text(&snapshot, "/status/phase") == "InProgress" {
            let source = Key::new(&key.namespace, json::text(&snapshot, "/spec/source/name"));
            if let Some(machine) = world.store.get(&VM, &source).cloned() {
                mark(world, &machine, "snapshotInProgress", None);
            }
        }
        return let_go(world, &SNAPSHOTS, &snapshot, SNAPSHOT_FINALIZER);
    }
    let source = Key::new(&key.namespace, json::text(&snapshot, "/spec/source/name"));
    let Some(machine) = world.store.get(&VM, &source).cloned() else { return };
    let now = stamp(world.now);
    let mut next = (*snapshot).clone();
    match json::text(&snapshot, "/status/phase") {
        "" => {
            json::set(&mut next, "/status/phase", "InProgress".into());
            json::set(&mut next, "/status/readyToUse", false.into());
            let uid = json::text(&machine, "/metadata/uid").to_owned();
            json::set(&mut next, "/status/sourceUID", uid.into());
            let doing = ("True", "", "Source locked and operation in progress");
            set_condition(&mut next, "Progressing", Some(doing), &now);
            set_condition(&mut next, "Ready", Some(("False", "", "Not ready")), &now);
            mark(world, &machine, "snapshotInProgress", Some(&key.name));
        }
        "InProgress" if world.switches.snapshots_fail.is_some() => {
            let words = world.switches.snapshots_fail.clone().unwrap_or_default();
            json::set(&mut next, "/status/phase", "Failed".into());
            let error = json!({ "message": words, "time": now });
            json::set(&mut next, "/status/error", error);
            let reason = ("True", "", "snapshot deadline exceeded");
            set_condition(&mut next, "Failure", Some(reason), &now);
            let doing = ("False", "", "Operation failed");
            set_condition(&mut next, "Progressing", Some(doing), &now);
            mark(world, &machine, "snapshotInProgress", None);
        }
        "InProgress" => {
            complete(world, key, &machine, &mut next);
            set_condition(
                &mut next,
                "Progressing",
                Some(("False", "", "Operation complete")),
                &now,
            );
            set_condition(&mut next, "Ready", Some(("True", "", "Operation complete")), &now);
            mark(world, &machine, "snapshotInProgress", None);
        }
        _ => return,
    }
    save(world, &SNAPSHOTS, &snapshot, next);
}

fn complete(world: &mut World, key: &Key, machine: &Arc<Value>, next: &mut Value) {
    let content = format!("vmsnapshot-content-{}", json::text(next, "/metadata/uid"));
    let instance = world.store.get(&VMI, &Key::of(machine));
    let is_online = instance.is_some_and(|one| json::text(one, "/status/phase") == "Running");
    let has_agent = instance.is_some_and(|one| json::has_condition(one, "AgentConnected"));
    let is_paused = instance.is_some_and(|one| json::has_condition(one, "Paused"));
    let mut indications = match (is_online, has_agent) {
        (false, _) => Vec::new(),
        (true, true) => vec!["Online", "GuestAgent"],
        (true, false) => vec!["Online", "NoGuestAgent"],
    };
    if is_online && is_paused {
        indications.push("Paused");
    }
    let told = |word: &&str| json!({ "indication": word, "message": "" });
    let source_indications: Vec<Value> = indications.iter().map(told).collect();
    let volumes: Vec<&str> = json::list(machine, "/spec/template/spec/volumes")
        .iter()
        .map(|volume| json::text(volume, "/name"))
        .collect();
    for (field, value) in [
        ("phase", "Succeeded".into()),
        ("readyToUse", true.into()),
        ("creationTime", stamp(world.now).into()),
        ("indications", json!(indications)),
        ("sourceIndications", source_indications.into()),
        ("snapshotVolumes", json!({ "includedVolumes": volumes })),
        ("virtualMachineSnapshotContentName", content.as_str().into()),
    ] {
        json::set(next, &format!("/status/{field}"), value);
    }
    let Some(contents) = kind("virtualmachinesnapshotcontents") else { return };
    let object = json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": contents.kind,
        "metadata": { "name": content },
        "spec": {
            "virtualMachineSnapshotName": key.name,
            "source": { "virtualMachine": {
                "metadata": {
                    "name": json::text(machine, "/metadata/name"),
                    "labels": machine.pointer("/metadata/labels"),
                    "annotations": machine.pointer("/metadata/annotations"),
                },
                "spec": machine.get("spec"),
            } },
            "volumeBackups": restored::backups(world, machine),
        },
        "status": { "readyToUse": true },
    });
    add(world, contents, &key.namespace, object);
}

fn mark(world: &mut World, machine: &Arc<Value>, field: &str, name: Option<&str>) {
    let mut next = (**machine).clone();
    let pointer = format!("/status/{field}");
    match name {
        Some(name) => json::set(&mut next, &pointer, name.into()),
        None => json::remove(&mut next, &pointer),
    }
    save(world, &VM, machine, next);
}

/// The object, with what its controller leaves on whatever it looks after.
fn held(
    world: &mut World,
    kind: &'static crate::kinds::Kind,
    key: &Key,
    finalizer: &str,
) -> Option<Arc<Value>> {
    let object = world.store.get(kind, key).cloned()?;
    let finalizers = json::list(&object, "/metadata/finalizers");
    let is_ending = object.pointer("/metadata/deletionTimestamp").is_some();
    if is_ending || finalizers.iter().any(|one| one == finalizer) {
        return Some(object);
    }
    let mut finalizers = finalizers.to_vec();
    finalizers.push(finalizer.into());
    let mut next = (*object).clone();
    json::set(&mut next, "/metadata/finalizers", finalizers.into());
    save_main(world, kind, &object, next);
    world.store.get(kind, key).cloned()
}

/// Lets a deleted object go.
fn let_go(
    world: &mut World,
    kind: &'static crate::kinds::Kind,
    object: &Arc<Value>,
    finalizer: &str,
) {
    let mut finalizers = json::list(object, "/metadata/finalizers").to_vec();
    finalizers.retain(|one| one != finalizer);
    let mut next = (**object).clone();
    if finalizers.is_empty() {
        json::remove(&mut next, "/metadata/finalizers");
    } else {
        json::set(&mut next, "/metadata/finalizers", finalizers.into());
    }
    save_main(world, kind, object, next);
}

/// Moves a restore on; while the machine runs it waits.
pub(super) fn restore(world: &mut World, key: &Key) {
    let Some(restore) = held(world, &RESTORES, key, RESTORE_FINALIZER) else { return };
    if restore.pointer("/metadata/deletionTimestamp").is_some() {
        return let_go(world, &RESTORES, &restore, RESTORE_FINALIZER);
    }
    if restore.pointer("/status/complete") == Some(&Value::Bool(true)) {
        return;
    }
    let now = stamp(world.now);
    let mut next = (*restore).clone();
    let target = Key::new(&key.namespace, json::text(&restore, "/spec/target/name"));
    if restore.get("status").is_none() {
        json::set(&mut next, "/status/complete", false.into());
        let doing = ("True", "", "Creating new PVCs");
        set_condition(&mut next, "Progressing", Some(doing), &now);
        set_condition(&mut next, "Ready", Some(("False", "", "Waiting for new PVCs")), &now);
        save(world, &RESTORES, &restore, next);
        return;
    }
    if world.store.get(&VMI, &target).is_some() {
        // Looked at again by its machine's turn, when the instance is gone.
        return;
    }
    let Some(spec) = specification(world, key, &restore) else { return };
    let Some(machine) = world.store.get(&VM, &target).cloned() else {
        return restored::made_new(world, key, &restore);
    };
    if restore.pointer("/status/restores").is_some() {
        // It made that machine, and now says that it is done.
        return done(world, &restore);
    }
    if json::text(&restore, "/spec/target/name") != source_of(world, key, &restore) {
        let words =
            "restore source and restore target are different but restore target already exists";
        set_condition(&mut next, "Progressing", Some(("False", "", words)), &now);
        set_condition(&mut next, "Ready", Some(("False", "", words)), &now);
        return save(world, &RESTORES, &restore, next);
    }
    let mut restored = (*machine).clone();
    json::set(&mut restored, "/spec", spec);
    // A machine that was restored stays as it was: stopped.
    json::set(&mut restored, "/spec/runStrategy", "Halted".into());
    save_main(world, &VM, &machine, restored);
    done(world, &restore);
}

fn done(world: &mut World, restore: &Arc<Value>) {
    let now = stamp(world.now);
    let mut next = (**restore).clone();
    json::set(&mut next, "/status/complete", true.into());
    json::set(&mut next, "/status/restoreTime", now.as_str().into());
    set_condition(&mut next, "Progressing", Some(("False", "", "Operation complete")), &now);
    set_condition(&mut next, "Ready", Some(("True", "", "Operation complete")), &now);
    save(world, &RESTORES, restore, next);
}

/// Looks again at restores that wait for a machine to stop.
pub(super) fn wake(world: &mut World, machine: &Key) {
    let waiting: Vec<Key> = world
        .store
        .list(&RESTORES, Some(&machine.namespace))
        .filter(|(_, one)| {
            json::text(one, "/spec/target/name") == machine.name
                && one.pointer("/status/complete") == Some(&Value::Bool(false))
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in waiting {
        world.touch(&RESTORES, &key);
    }
}

/// The machine that a snapshot holds.
pub(super) fn content(world: &World, snapshot: &Value) -> Option<Value> {
    let name = json::text(snapshot, "/status/virtualMachineSnapshotContentName");
    let key = Key::new(json::text(snapshot, "/metadata/namespace"), name);
    let content = world.store.get(kind("virtualmachinesnapshotcontents")?, &key)?;
    content.pointer("/spec/source/virtualMachine").cloned()
}

pub(super) fn content_of(world: &World, key: &Key, restore: &Value) -> Option<Value> {
    let name = json::text(restore, "/spec/virtualMachineSnapshotName");
    let snapshot = world.store.get(&SNAPSHOTS, &Key::new(&key.namespace, name))?;
    let content = json::text(snapshot, "/status/virtualMachineSnapshotContentName");
    let contents = kind("virtualmachinesnapshotcontents")?;
    world.store.get(contents, &Key::new(&key.namespace, content)).map(|one| (**one).clone())
}

/// The machine that the snapshot of a restore is of.
fn source_of(world: &World, key: &Key, restore: &Value) -> String {
    let content = content_of(world, key, restore).unwrap_or_default();
    json::text(&content, "/spec/source/virtualMachine/metadata/name").to_owned()
}

fn specification(world: &World, key: &Key, restore: &Value) -> Option<Value> {
    content_of(world, key, restore)?.pointer("/spec/source/virtualMachine/spec").cloned()
}
