//! Snapshots of machines, with the content that a restore takes specification and claims from.
//!
//! ```text
//!   (none) ─► InProgress ─► Succeeded ─► (deleted) its content goes, then itself
//!                 └─► Failed, told to fail
//! ```
//!
//! What a claim holds is in its annotations here: a snapshot keeps them, and a restore gives them
//! to the new claim, as KubeVirt's does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{add, kind, save, save_main, set_condition};
use crate::json;
use crate::kinds::{SNAPSHOTS, VM, VMI};
use crate::store::Key;
use crate::world::{World, stamp};

/// What keeps a snapshot until its content is gone.
const SNAPSHOT_FINALIZER: &str = "snapshot.kubevirt.io/vmsnapshot-protection";

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
    let backups = backups(world, machine, json::text(next, "/metadata/uid"));
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for volume in json::list(machine, "/spec/template/spec/volumes") {
        let name = json::text(volume, "/name");
        let is_in = backups.iter().any(|one| json::text(one, "/volumeName") == name);
        if is_in { included.push(name) } else { excluded.push(name) }
    }
    let mut volumes = json!({});
    for (field, names) in [("/includedVolumes", included), ("/excludedVolumes", excluded)] {
        if !names.is_empty() {
            json::set(&mut volumes, field, json!(names));
        }
    }
    for (field, value) in [
        ("phase", "Succeeded".into()),
        ("readyToUse", true.into()),
        ("creationTime", stamp(world.now).into()),
        ("indications", json!(indications)),
        ("sourceIndications", source_indications.into()),
        ("snapshotVolumes", volumes),
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
                    "namespace": key.namespace, "uid": json::text(machine, "/metadata/uid"),
                },
                "spec": machine.get("spec"),
            } },
            "volumeBackups": backups,
        },
        "status": { "readyToUse": true },
    });
    add(world, contents, &key.namespace, object);
}

/// The machine's claims as they are now, each under the name of its volume.
fn backups(world: &World, machine: &Value, uid: &str) -> Vec<Value> {
    let Some(claims) = kind("persistentvolumeclaims") else { return Vec::new() };
    let namespace = json::text(machine, "/metadata/namespace");
    let one = |volume: &Value| {
        let claim = match json::text(volume, "/persistentVolumeClaim/claimName") {
            "" => json::text(volume, "/dataVolume/name"),
            name => name,
        };
        let found = world.store.get(claims, &Key::new(namespace, claim))?;
        if world.switches.unsnapshotted.contains(json::text(found, "/spec/storageClassName")) {
            return None;
        }
        let name = json::text(volume, "/name");
        let part = |pointer| found.pointer(pointer).cloned().unwrap_or_default();
        Some(json!({
            "volumeName": name, "volumeSnapshotName": format!("vmsnapshot-{uid}-volume-{name}"),
            "persistentVolumeClaim": {
                "metadata": {
                    "name": claim, "labels": part("/metadata/labels"),
                    "annotations": part("/metadata/annotations"),
                },
                "spec": part("/spec"),
            },
        }))
    };
    json::list(machine, "/spec/template/spec/volumes").iter().filter_map(one).collect()
}

/// Notes on a machine what is being done with it, or that it is no more.
pub(super) fn mark(world: &mut World, machine: &Arc<Value>, field: &str, name: Option<&str>) {
    let mut next = (**machine).clone();
    let pointer = format!("/status/{field}");
    match name {
        Some(name) => json::set(&mut next, &pointer, name.into()),
        None => json::remove(&mut next, &pointer),
    }
    save(world, &VM, machine, next);
}

/// The object, with what its controller leaves on whatever it looks after.
pub(super) fn held(
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
pub(super) fn let_go(
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

/// The machine that a snapshot holds.
pub(super) fn content(world: &World, snapshot: &Value) -> Option<Value> {
    let name = json::text(snapshot, "/status/virtualMachineSnapshotContentName");
    let key = Key::new(json::text(snapshot, "/metadata/namespace"), name);
    let content = world.store.get(kind("virtualmachinesnapshotcontents")?, &key)?;
    content.pointer("/spec/source/virtualMachine").cloned()
}
