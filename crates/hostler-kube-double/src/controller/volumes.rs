//! Data volumes: imported, or copied from another claim, in two steps, each with its claim.

use serde_json::{Value, json};

use super::{add, claims, kind, owned_by, save};
use crate::json;
use crate::store::Key;
use crate::world::World;

/// Makes the data volumes that a machine's templates ask for; tells whether all are there.
pub(super) fn ensure(world: &mut World, machine: &Value) -> bool {
    let Some(data_volumes) = kind("datavolumes") else { return true };
    let namespace = json::text(machine, "/metadata/namespace").to_owned();
    let mut are_ready = true;
    for template in json::list(machine, "/spec/dataVolumeTemplates") {
        let key = Key::new(&namespace, json::text(template, "/metadata/name"));
        match world.store.get(data_volumes, &key) {
            Some(found) => are_ready &= json::text(found, "/status/phase") == "Succeeded",
            None => {
                are_ready = false;
                let mut volume = template.clone();
                json::set(&mut volume, "/apiVersion", "cdi.kubevirt.io/v1beta1".into());
                json::set(&mut volume, "/kind", "DataVolume".into());
                json::set(&mut volume, "/metadata/ownerReferences", owned_by(machine));
                add(world, data_volumes, &namespace, volume);
            }
        }
    }
    are_ready
}

/// Moves a data volume on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let (Some(data_volumes), Some(claims_kind)) =
        (kind("datavolumes"), kind("persistentvolumeclaims"))
    else {
        return;
    };
    let Some(volume) = world.store.get(data_volumes, key).cloned() else {
        claims::follow_owner(world, key);
        return;
    };
    let original = volume.pointer("/spec/source/pvc");
    let can_copy = original.is_some_and(|original| {
        let name = Key::new(json::text(original, "/namespace"), json::text(original, "/name"));
        world.store.get(claims_kind, &name).is_some()
    });
    let (phase, progress) = match (json::text(&volume, "/status/phase"), original) {
        ("", _) => ("Pending", "N/A"),
        ("Pending", None) => ("ImportInProgress", "50.0%"),
        ("Pending", Some(_)) if can_copy => ("CloneInProgress", "50.0%"),
        ("ImportInProgress" | "CloneInProgress", _) => ("Succeeded", "100.0%"),
        _ => return,
    };
    if phase == "Succeeded" {
        let spec = volume.pointer("/spec/storage").or_else(|| volume.pointer("/spec/pvc"));
        let mut spec = spec.cloned().unwrap_or_else(|| json!({}));
        json::set(&mut spec, "/volumeName", format!("pv-{}", key.name).into());
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": key.name, "ownerReferences": [{
                "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "name": key.name,
                "uid": json::text(&volume, "/metadata/uid"), "controller": true,
            }] },
            "spec": spec,
            "status": { "phase": "Bound", "capacity": spec.pointer("/resources/requests") },
        });
        add(world, claims_kind, &key.namespace, claim);
    }
    let mut next = (*volume).clone();
    json::set(&mut next, "/status/phase", phase.into());
    json::set(&mut next, "/status/progress", progress.into());
    json::set(&mut next, "/status/claimName", key.name.as_str().into());
    save(world, data_volumes, &volume, next);
}
