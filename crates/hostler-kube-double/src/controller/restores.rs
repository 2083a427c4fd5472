//! Returns of machines to their snapshots, as KubeVirt's `pkg/storage/snapshot/restore.go` makes
//! them (read in August 2026). Machines that are not there are made by [`super::restored`].
//!
//! ```text
//!   (none) ─► Initializing ─┬─ an instance is there ─► waits; fails after five minutes, or at once
//!                           └─► new claims, the machine's own ─► its specification names them ─► complete
//!             anything else that goes wrong is told, never a failure, and tried again for ever
//! ```

use std::sync::Arc;

use serde_json::{Value, json};

use super::snapshots::{held, let_go, mark};
use super::{add, kind, owned_by, remove, restored, save, save_main, set_condition, strategy};
use crate::json;
use crate::kinds::{KUBEVIRT, RESTORES, SNAPSHOTS, VM, VMI};
use crate::store::Key;
use crate::world::{World, stamp};

/// What keeps a restore until it is done with.
const FINALIZER: &str = "snapshot.kubevirt.io/vmrestore-protection";
/// On the machine and on its new claims: which restore made them what they are.
const LAST_RESTORE: &str = "restore.kubevirt.io/lastRestoreUID";
/// How long a restore waits for its machine to be off, in seconds.
const GRACE_SECONDS: i64 = 300;
/// The first minor version that puts machines back however they are to be run.
const ANY_STRATEGY: u32 = 5;
/// The first that leaves them to be run so.
const KEEPS_STRATEGY: u32 = 6;
const GRACE_IS_OVER: &str = "Restore target failed to be ready within 5m0s. Please power off the \
                             target VM before attempting restore";
const WAITS: &str = "Waiting for target VM to be powered off. Please stop the restore target to \
                     proceed with restore, or the operation will fail after 5m0s";
const WAITS_LONG: &str = "Waiting for target VM to be powered off. Please stop the restore target \
                          to proceed with restore";
const NOT_OFF: &str = "Restore target VMI must be powered off before restore operation";

/// Moves a restore on by a step.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(restore) = world.store.get(&RESTORES, key).cloned() else { return };
    let target = target_of(&restore);
    if restore.get("status").is_none() {
        let words = "Initializing VirtualMachineRestore";
        let mut next = (*restore).clone();
        json::set(&mut next, "/status/complete", false.into());
        return tell(world, &restore, next, ("True", words), words);
    }
    if restore.pointer("/metadata/deletionTimestamp").is_some() {
        done_with(world, &restore, &target);
        return let_go(world, &RESTORES, &restore, FINALIZER);
    }
    if !is_progressing(&restore) {
        return;
    }
    let Some(restore) = held(world, &RESTORES, key, FINALIZER) else { return };
    let Some(machine) = world.store.get(&VM, &target).cloned() else {
        return restored::made_new(world, key, &restore);
    };
    if restore.pointer("/metadata/ownerReferences").is_none() {
        let mut next = (*restore).clone();
        json::set(&mut next, "/metadata/ownerReferences", owned_by(&machine));
        return save_main(world, &RESTORES, &restore, next);
    }
    if world.store.get(&VMI, &target).is_some() {
        return wait(world, &restore);
    }
    if minor(world) < ANY_STRATEGY && strategy(&machine) != "Halted" {
        let words = format!("invalid RunStrategy \"{}\"", strategy(&machine));
        let next = (*restore).clone();
        return tell(world, &restore, next, ("False", &words), &words);
    }
    if let Err(words) = go_on(world, &restore, &machine) {
        let next = (*restore).clone();
        tell(world, &restore, next, ("False", &words), &words);
    }
}

/// The minor version of KubeVirt 1; of what is not installed, and of what is told strangely, the newest.
fn minor(world: &World) -> u32 {
    let told = world.store.list(&KUBEVIRT, None).next();
    let told = told.map_or("", |(_, one)| json::text(one, "/status/observedKubeVirtVersion"));
    told.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(u32::MAX)
}

/// Looks again at the restores of a namespace that are not over; those of one machine, where one
/// is named.
pub(super) fn wake(world: &mut World, namespace: &str, machine: Option<&str>) {
    wake_in(world, Some(namespace), machine);
}

/// Looks again at all restores that are not over.
pub(crate) fn wake_all(world: &mut World) {
    wake_in(world, None, None);
}

fn wake_in(world: &mut World, namespace: Option<&str>, machine: Option<&str>) {
    let is_its = |one: &Value| {
        machine.is_none_or(|name| json::text(one, "/spec/target/name") == name)
            && is_progressing(one)
    };
    let waiting: Vec<Key> = world
        .store
        .list(&RESTORES, namespace)
        .filter(|(_, one)| is_its(one))
        .map(|(key, _)| key.clone())
        .collect();
    for key in waiting {
        world.touch(&RESTORES, &key);
    }
}

fn target_of(restore: &Value) -> Key {
    let namespace = json::text(restore, "/metadata/namespace");
    Key::new(namespace, json::text(restore, "/spec/target/name"))
}

fn is_progressing(restore: &Value) -> bool {
    restore.pointer("/status/complete") != Some(&Value::Bool(true))
        && !json::has_condition(restore, "Failure")
}

/// Writes where it is: whether it goes on, why, and why it is not ready.
pub(super) fn tell(
    world: &mut World,
    restore: &Arc<Value>,
    mut next: Value,
    (goes_on, doing): (&str, &str),
    not_ready: &str,
) {
    let now = stamp(world.now);
    set_condition(&mut next, "Progressing", Some((goes_on, doing, "")), &now);
    set_condition(&mut next, "Ready", Some(("False", not_ready, "")), &now);
    save(world, &RESTORES, restore, next);
}

/// Waits for the instance of that name to be gone, a finished one too.
fn wait(world: &mut World, restore: &Arc<Value>) {
    let made_at = json::text(restore, "/metadata/creationTimestamp").parse::<jiff::Timestamp>();
    let grace = world.switches.restores_wait.unwrap_or(GRACE_SECONDS);
    let is_late = made_at.is_ok_and(|at| world.now.as_second() - at.as_second() > grace);
    let (words, fails) = match json::text(restore, "/spec/targetReadinessPolicy") {
        "FailImmediate" => (NOT_OFF, true),
        "WaitEventually" => (WAITS_LONG, false),
        _ if is_late => (GRACE_IS_OVER, true),
        _ => (WAITS, false),
    };
    let mut next = (**restore).clone();
    if fails {
        let now = stamp(world.now);
        set_condition(&mut next, "Failure", Some(("True", words, "")), &now);
    }
    tell(world, restore, next, ("False", words), words);
}

/// The next step of one whose machine is off.
fn go_on(world: &mut World, restore: &Arc<Value>, machine: &Arc<Value>) -> Result<(), String> {
    let content = content(world, restore)?;
    let mine = mark_of(restore);
    let pointer = format!("/metadata/annotations/{}", LAST_RESTORE.replace('/', "~1"));
    let is_put_back = json::text(machine, &pointer) == mine;
    if !is_put_back {
        if json::text(&content, SOURCE_NAME) != json::text(machine, "/metadata/name") {
            return Err(TAKEN.to_owned());
        }
        let name = json::text(restore, "/metadata/name");
        match json::text(machine, "/status/restoreInProgress") {
            "" => mark(world, machine, "restoreInProgress", Some(name)),
            other if other != name => return Err(format!("vm restore {other} in progress")),
            _ => {}
        }
    }
    let wanted = volumes(restore, &content);
    let creating = ("True", "Creating new PVCs");
    let mut next = (**restore).clone();
    if json::list(restore, "/status/restores").len() != wanted.len() {
        json::set(&mut next, "/status/restores", wanted.into());
        tell(world, restore, next, creating, "Waiting for new PVCs");
        return Ok(());
    }
    if !is_put_back && !are_claims_there(world, restore, machine, &content)? {
        tell(world, restore, next, creating, "Waiting for new PVCs");
        return Ok(());
    }
    if !is_put_back {
        let obsolete = put_back(world, restore, &content);
        if !obsolete.is_empty() {
            json::set(&mut next, "/status/deletedDataVolumes", obsolete.into());
        }
        let updating = ("True", "Updating target spec");
        tell(world, restore, next, updating, "Waiting for target update");
        return Ok(());
    }
    complete(world, restore, next);
    Ok(())
}

fn complete(world: &mut World, restore: &Arc<Value>, mut next: Value) {
    if let Some(data_volumes) = kind("datavolumes") {
        for name in json::list(restore, "/status/deletedDataVolumes") {
            let name = name.as_str().unwrap_or_default();
            let key = Key::new(json::text(restore, "/metadata/namespace"), name);
            remove(world, data_volumes, &key);
        }
    }
    let target = target_of(restore);
    done_with(world, restore, &target);
    let now = stamp(world.now);
    json::set(&mut next, "/status/complete", true.into());
    json::set(&mut next, "/status/restoreTime", now.as_str().into());
    set_condition(&mut next, "Progressing", Some(("False", "Operation complete", "")), &now);
    set_condition(&mut next, "Ready", Some(("True", "Operation complete", "")), &now);
    save(world, &RESTORES, restore, next);
    wake(world, &target.namespace, Some(&target.name));
}

/// Lets the machine be started again.
fn done_with(world: &mut World, restore: &Value, target: &Key) {
    let Some(machine) = world.store.get(&VM, target).cloned() else { return };
    let name = json::text(restore, "/metadata/name");
    if json::text(&machine, "/status/restoreInProgress") == name {
        mark(world, &machine, "restoreInProgress", None);
    }
}

pub(super) fn mark_of(restore: &Value) -> String {
    let text = |field| json::text(restore, field);
    format!("{}-{}", text("/metadata/name"), text("/metadata/uid"))
}

pub(super) fn content(world: &World, restore: &Value) -> Result<Value, String> {
    let namespace = json::text(restore, "/metadata/namespace");
    let name = json::text(restore, "/spec/virtualMachineSnapshotName");
    let path = format!("{namespace}/{name}");
    let snapshot = world.store.get(&SNAPSHOTS, &Key::new(namespace, name));
    let snapshot = snapshot.ok_or_else(|| format!("VMSnapshot {path} does not exist"))?;
    match json::text(snapshot, "/status/phase") {
        "Failed" => return Err(format!("VMSnapshot {path} failed and is invalid to use")),
        "Succeeded" => {}
        _ => return Err(format!("VMSnapshot {path} not ready")),
    }
    let name = json::text(snapshot, "/status/virtualMachineSnapshotContentName");
    let found = kind("virtualmachinesnapshotcontents")
        .and_then(|contents| world.store.get(contents, &Key::new(namespace, name)));
    let found = found.ok_or_else(|| format!("VMSnapshotContent {namespace}/{name} does not exist"));
    found.map(|content| (**content).clone())
}

/// What is made of each volume in the snapshot; its data volume where it had one of its own.
fn volumes(restore: &Value, content: &Value) -> Vec<Value> {
    let uid = json::text(restore, "/metadata/uid");
    let one = |backup: &Value| {
        let name = json::text(backup, "/volumeName");
        let claim = format!("restore-{uid}-{name}");
        let mut one = json!({
            "volumeName": name, "persistentVolumeClaim": claim,
            "volumeSnapshotName": json::text(backup, "/volumeSnapshotName"),
        });
        if template_of(content, name).is_some() {
            json::set(&mut one, "/dataVolumeName", claim.into());
        }
        one
    };
    json::list(content, "/spec/volumeBackups").iter().map(one).collect()
}

const SOURCE_NAME: &str = "/spec/source/virtualMachine/metadata/name";
const TAKEN: &str =
    "restore source and restore target are different but restore target already exists";
const SOURCE: &str = "/spec/source/virtualMachine/spec";

/// Which template the data volume of a volume was made from.
fn template_of(content: &Value, volume: &str) -> Option<usize> {
    let volumes = json::list(content, &format!("{SOURCE}/template/spec/volumes"));
    let found = volumes.iter().find(|one| json::text(one, "/name") == volume)?;
    let name = json::text(found, "/dataVolume/name");
    let templates = json::list(content, &format!("{SOURCE}/dataVolumeTemplates"));
    templates.iter().position(|one| !name.is_empty() && json::text(one, "/metadata/name") == name)
}

/// Makes the claims that are missing; whether all are there and have their storage.
fn are_claims_there(
    world: &mut World,
    restore: &Value,
    machine: &Value,
    content: &Value,
) -> Result<bool, String> {
    if let Some(words) = world.switches.restores_stick.clone() {
        return Err(words);
    }
    let Some(claims) = kind("persistentvolumeclaims") else { return Ok(true) };
    let namespace = json::text(restore, "/metadata/namespace").to_owned();
    let mut are_there = true;
    for (backup, one) in json::list(content, "/spec/volumeBackups")
        .iter()
        .zip(json::list(restore, "/status/restores"))
    {
        let name = json::text(one, "/persistentVolumeClaim");
        let Some(claim) = world.store.get(claims, &Key::new(&namespace, name)).cloned() else {
            are_there = false;
            let claim = claim(restore, machine, backup, one);
            add(world, claims, &namespace, claim);
            continue;
        };
        let class = json::text(&claim, "/spec/storageClassName");
        let class = kind("storageclasses").and_then(|k| world.store.get(k, &Key::new("", class)));
        let waits_for_who_uses_it = class
            .is_some_and(|one| json::text(one, "/volumeBindingMode") == "WaitForFirstConsumer");
        are_there &= json::text(&claim, "/status/phase") == "Bound" || waits_for_who_uses_it;
    }
    Ok(are_there)
}

/// A new claim with what the old one held: its labels and annotations come along.
fn claim(restore: &Value, machine: &Value, backup: &Value, one: &Value) -> Value {
    let old = |field: &str| {
        backup.pointer(&format!("/persistentVolumeClaim{field}")).cloned().unwrap_or_default()
    };
    let source = json!({
        "apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot",
        "name": json::text(backup, "/volumeSnapshotName"),
    });
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": json::text(one, "/persistentVolumeClaim"),
            "labels": old("/metadata/labels"), "annotations": old("/metadata/annotations"),
        },
        "spec": {
            "accessModes": old("/spec/accessModes"), "resources": old("/spec/resources"),
            "storageClassName": old("/spec/storageClassName"),
            "dataSource": source, "dataSourceRef": source,
        },
    });
    if !old("/spec/volumeMode").is_null() {
        json::set(&mut claim, "/spec/volumeMode", old("/spec/volumeMode"));
    }
    for (pointer, value) in [
        ("labels/restore.kubevirt.io~1source-vm-name", json::text(machine, "/metadata/name")),
        (
            "labels/restore.kubevirt.io~1source-vm-namespace",
            json::text(machine, "/metadata/namespace"),
        ),
        ("annotations/restore.kubevirt.io~1name", json::text(restore, "/metadata/name")),
        ("annotations/restore.kubevirt.io~1lastRestoreUID", &mark_of(restore)),
    ] {
        json::set(&mut claim, &format!("/metadata/{pointer}"), value.into());
    }
    // A data volume takes its own claim over when it is made.
    if one.get("dataVolumeName").is_none()
        && json::text(restore, "/spec/volumeOwnershipPolicy") != "None"
    {
        json::set(&mut claim, "/metadata/ownerReferences", owned_by(machine));
    }
    claim
}

/// Makes the machine what it was, with the new volumes; tells the data volumes that are not of it
/// any more. It is run as before, from 1.6 on.
fn put_back(world: &mut World, restore: &Arc<Value>, content: &Value) -> Vec<Value> {
    let target = target_of(restore);
    let Some(machine) = world.store.get(&VM, &target).cloned() else { return Vec::new() };
    let mut spec = content.pointer(SOURCE).cloned().unwrap_or_default();
    for one in json::list(restore, "/status/restores") {
        let (name, claim) =
            (json::text(one, "/volumeName"), json::text(one, "/persistentVolumeClaim"));
        if let Some(template) = template_of(content, name) {
            data_volume(world, &machine, content, template, claim);
            let pointer = format!("/dataVolumeTemplates/{template}/metadata/name");
            if let Some(name) = spec.pointer_mut(&pointer) {
                *name = claim.into();
            }
        }
        let volumes = spec.pointer_mut("/template/spec/volumes").and_then(Value::as_array_mut);
        for volume in volumes.into_iter().flatten() {
            if json::text(volume, "/name") != name {
                continue;
            }
            match one.get("dataVolumeName") {
                Some(data) => *volume = json!({ "name": name, "dataVolume": { "name": data } }),
                None => claim_anew(volume, claim),
            }
        }
    }
    json::remove(&mut spec, "/running");
    let how = if minor(world) < KEEPS_STRATEGY { "Halted" } else { strategy(&machine) };
    json::set(&mut spec, "/runStrategy", how.into());
    let names = |spec: &Value| -> Vec<Value> {
        let all = json::list(spec, "/dataVolumeTemplates").iter();
        all.map(|one| json::text(one, "/metadata/name").into()).collect()
    };
    let now = names(&spec);
    let obsolete = machine.get("spec").map(names).unwrap_or_default().into_iter();
    let obsolete = obsolete.filter(|name| !now.contains(name)).collect();
    let mut next = (*machine).clone();
    json::set(&mut next, "/spec", spec);
    let pointer = format!("/metadata/annotations/{}", LAST_RESTORE.replace('/', "~1"));
    json::set(&mut next, &pointer, mark_of(restore).into());
    save_main(world, &VM, &machine, next);
    obsolete
}

/// Gives a volume another claim: all else of it stays, as whether it was plugged in. Only what was a
/// data volume is a bare claim from then on.
pub(super) fn claim_anew(volume: &mut Value, claim: &str) {
    if volume.get("persistentVolumeClaim").is_some() {
        return json::set(volume, "/persistentVolumeClaim/claimName", claim.into());
    }
    let name = json::text(volume, "/name").to_owned();
    *volume = json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } });
}

/// The data volume of a template, filled already: its claim is the restored one.
fn data_volume(world: &mut World, machine: &Value, content: &Value, template: usize, name: &str) {
    let (Some(data_volumes), Some(claims)) = (kind("datavolumes"), kind("persistentvolumeclaims"))
    else {
        return;
    };
    let namespace = json::text(machine, "/metadata/namespace").to_owned();
    let pointer = format!("{SOURCE}/dataVolumeTemplates/{template}");
    let mut volume = content.pointer(&pointer).cloned().unwrap_or_default();
    for (field, value) in [
        ("/apiVersion", json!("cdi.kubevirt.io/v1beta1")),
        ("/kind", json!("DataVolume")),
        ("/metadata/name", json!(name)),
        ("/metadata/annotations/cdi.kubevirt.io~1storage.prePopulated", json!("true")),
        ("/metadata/ownerReferences", owned_by(machine)),
        ("/status", json!({ "phase": "Succeeded", "progress": "100.0%" })),
    ] {
        json::set(&mut volume, field, value);
    }
    let key = Key::new(&namespace, name);
    add(world, data_volumes, &namespace, volume);
    let uid = world
        .store
        .get(data_volumes, &key)
        .map(|made| json::text(made, "/metadata/uid").to_owned());
    if let (Some(claim), Some(uid)) = (world.store.get(claims, &key).cloned(), uid) {
        let mut next = (*claim).clone();
        let owner = json!([{
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "name": name,
            "uid": uid, "controller": true,
        }]);
        json::set(&mut next, "/metadata/ownerReferences", owner);
        save_main(world, claims, &claim, next);
    }
}
