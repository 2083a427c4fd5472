//! Restores to machines that are not there yet: new claims, and when they are there, the machine as the
//! snapshot holds it, with these claims and the patches that were asked for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{add, kind, restores, save};
use crate::json;
use crate::kinds::{RESTORES, VM};
use crate::store::Key;
use crate::world::World;

/// Whether a volume is a claim, or a data volume, which is one.
pub(super) fn is_storage(volume: &Value) -> bool {
    !claim_of(volume).is_empty()
}

fn claim_of(volume: &Value) -> &str {
    match json::text(volume, "/persistentVolumeClaim/claimName") {
        "" => json::text(volume, "/dataVolume/name"),
        claim => claim,
    }
}

/// Makes the claims of a machine that is not there yet, and then it.
pub(super) fn made_new(world: &mut World, key: &Key, restore: &Arc<Value>) {
    let content = match restores::content(world, restore) {
        Ok(content) => content,
        Err(words) => return wrong(world, key, &words),
    };
    let Some(claims) = kind("persistentvolumeclaims") else { return };
    if restore.pointer("/status/restores").is_none() {
        let uid = json::text(restore, "/metadata/uid");
        let restores: Vec<Value> = json::list(&content, "/spec/volumeBackups")
            .iter()
            .map(|backup| {
                let volume = json::text(backup, "/volumeName");
                json!({
                    "volumeName": volume, "persistentVolumeClaim": format!("restore-{uid}-{volume}"),
                    "volumeSnapshotName": json::text(backup, "/volumeSnapshotName"),
                })
            })
            .collect();
        let mut next = (**restore).clone();
        json::set(&mut next, "/status/restores", restores.into());
        return save(world, &RESTORES, restore, next);
    }
    let mut are_there = true;
    for made in json::list(restore, "/status/restores").to_vec() {
        let claim = Key::new(&key.namespace, json::text(&made, "/persistentVolumeClaim"));
        match world.store.get(claims, &claim) {
            Some(found) => {
                are_there &= json::text(found, "/status/phase") == "Bound" || waits(world, found);
            }
            None => {
                are_there = false;
                make_claim(world, restore, &content, &made);
            }
        }
    }
    if are_there && !world.switches.new_machines_wait {
        make_machine(world, key, restore, &content);
        world.touch(&RESTORES, key);
    }
}

/// Whether a claim is bound only when somebody uses it.
fn waits(world: &World, claim: &Value) -> bool {
    let class = Key::new("", json::text(claim, "/spec/storageClassName"));
    let class = kind("storageclasses").and_then(|kind| world.store.get(kind, &class));
    class.is_some_and(|one| json::text(one, "/volumeBindingMode") == "WaitForFirstConsumer")
}

fn make_claim(world: &mut World, restore: &Value, content: &Value, made: &Value) {
    let Some(claims) = kind("persistentvolumeclaims") else { return };
    let volume = json::text(made, "/volumeName");
    let mut backups = json::list(content, "/spec/volumeBackups").iter();
    let Some(backup) = backups.find(|one| json::text(one, "/volumeName") == volume) else { return };
    let source = json::text(content, "/spec/source/virtualMachine/metadata/name");
    let part = |pointer: &str| backup.pointer(&format!("/persistentVolumeClaim/spec/{pointer}"));
    let data = json!({
        "apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot",
        "name": json::text(made, "/volumeSnapshotName"),
    });
    // Labels and annotations of the old claim come along.
    let old = |field: &str| {
        let found = backup.pointer(&format!("/persistentVolumeClaim/metadata/{field}"));
        found.cloned().filter(Value::is_object).unwrap_or_else(|| json!({}))
    };
    let (mut labels, mut annotations) = (old("labels"), old("annotations"));
    json::set(&mut labels, "/restore.kubevirt.io~1source-vm-name", source.into());
    for (key, value) in [
        ("name", json::text(restore, "/metadata/name")),
        ("lastRestoreUID", &restores::mark_of(restore)),
    ] {
        json::set(&mut annotations, &format!("/restore.kubevirt.io~1{key}"), value.into());
    }
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": json::text(made, "/persistentVolumeClaim"),
            "labels": labels, "annotations": annotations,
        },
        "spec": {
            "accessModes": part("accessModes"), "resources": part("resources"),
            "storageClassName": part("storageClassName"), "volumeMode": part("volumeMode"),
            "dataSource": data, "dataSourceRef": data,
        },
    });
    let namespace = json::text(restore, "/metadata/namespace").to_owned();
    add(world, claims, &namespace, claim);
}

/// The machine as it was then, with the new claims, off, and patched.
fn make_machine(world: &mut World, key: &Key, restore: &Value, content: &Value) {
    let of = |pointer: &str| content.pointer(&format!("/spec/source/virtualMachine/{pointer}"));
    let mut machine = json!({
        "apiVersion": "kubevirt.io/v1", "kind": VM.kind,
        "metadata": { "name": json::text(restore, "/spec/target/name"), "namespace": key.namespace },
        "spec": of("spec"),
    });
    for field in ["labels", "annotations"] {
        if let Some(all) = of(&format!("metadata/{field}")).filter(|all| all.is_object()) {
            json::set(&mut machine, &format!("/metadata/{field}"), all.clone());
        }
    }
    let mark = "/metadata/annotations/restore.kubevirt.io~1lastRestoreUID";
    json::set(&mut machine, mark, restores::mark_of(restore).into());
    if machine.pointer("/spec/running").is_some() {
        json::set(&mut machine, "/spec/running", false.into());
    } else {
        json::set(&mut machine, "/spec/runStrategy", "Halted".into());
    }
    let mut volumes = json::list(&machine, "/spec/template/spec/volumes").to_vec();
    for volume in &mut volumes {
        let name = json::text(volume, "/name").to_owned();
        let mut made = json::list(restore, "/status/restores").iter();
        if let Some(made) = made.find(|one| json::text(one, "/volumeName") == name) {
            restores::claim_anew(volume, json::text(made, "/persistentVolumeClaim"));
        }
    }
    if !volumes.is_empty() {
        json::set(&mut machine, "/spec/template/spec/volumes", volumes.into());
    }
    json::remove(&mut machine, "/spec/dataVolumeTemplates");
    for patch in json::list(restore, "/spec/patches") {
        let patch = patch.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(patch) = patch else { return };
        if apply(&mut machine, &patch).is_none() {
            // It stays as it is, and says so.
            let words = format!("error patching VM {}", json::text(&machine, "/metadata/name"));
            return wrong(world, key, &words);
        }
    }
    crate::admission::mutate(&VM, &mut machine, &mut world.ids, &world.store);
    add(world, &VM, &key.namespace, machine);
}

/// A patch as its library takes it: what is missing can be replaced, and what is empty is left out.
fn apply(machine: &mut Value, patch: &Value) -> Option<()> {
    let path = json::text(patch, "/path");
    if json::text(patch, "/op") == "replace" {
        match patch.get("value") {
            Some(Value::String(text)) if text.is_empty() => {
                let (parent, name) = path.rsplit_once('/')?;
                machine.pointer_mut(parent)?.as_object_mut()?.remove(name);
            }
            Some(value) => *machine.pointer_mut(path)? = value.clone(),
            None => return None,
        }
        return Some(());
    }
    crate::patch::operations(machine, &json!([patch])).ok()
}

fn wrong(world: &mut World, key: &Key, words: &str) {
    let Some(restore) = world.store.get(&RESTORES, key).cloned() else { return };
    let next = (*restore).clone();
    restores::tell(world, &restore, next, ("False", words), words);
}
