//! Claims of storage: bound by their class, kept while an instance uses them, and gone with the data
//! volume that they were made for.
//!
//! ```text
//!   (none) ─► Pending ─► Bound          a class that waits for who uses it binds then; without a
//!                          │            class of that name it stays Pending
//!              deleted:    └─► marked, until no instance uses it ─► gone
//! ```

use serde_json::{Value, json};

use super::{kind, remove, save, save_main};
use crate::json;
use crate::kinds::VMI;
use crate::store::Key;
use crate::world::World;

/// What keeps a claim while it is used.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Moves a claim on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(claims) = kind("persistentvolumeclaims") else { return };
    let Some(claim) = world.store.get(claims, key).cloned() else { return };
    let mut finalizers = json::list(&claim, "/metadata/finalizers").to_vec();
    let is_kept = finalizers.iter().any(|one| one == PROTECTION);
    let is_used = is_used(world, key);
    if claim.pointer("/metadata/deletionTimestamp").is_some() {
        if is_kept && !is_used {
            finalizers.retain(|one| one != PROTECTION);
            let mut next = (*claim).clone();
            json::set(&mut next, "/metadata/finalizers", finalizers.into());
            save_main(world, claims, &claim, next);
        }
        return;
    }
    if !is_kept {
        finalizers.push(PROTECTION.into());
        let mut next = (*claim).clone();
        json::set(&mut next, "/metadata/finalizers", finalizers.into());
        save_main(world, claims, &claim, next);
        return;
    }
    match json::text(&claim, "/status/phase") {
        "" => {
            let mut next = (*claim).clone();
            json::set(&mut next, "/status/phase", "Pending".into());
            save(world, claims, &claim, next);
        }
        "Pending" if may_bind(world, &claim, is_used) => {
            let mut next = (*claim).clone();
            json::set(&mut next, "/spec/volumeName", format!("pv-{}", key.name).into());
            save_main(world, claims, &claim, next);
            let Some(claim) = world.store.get(claims, key).cloned() else { return };
            let mut next = (*claim).clone();
            let part = |pointer| claim.pointer(pointer).cloned().unwrap_or_default();
            let status = json!({
                "phase": "Bound", "capacity": part("/spec/resources/requests"),
                "accessModes": part("/spec/accessModes"),
            });
            json::set(&mut next, "/status", status);
            save(world, claims, &claim, next);
        }
        _ => {}
    }
}

/// Looks again at the claims of a namespace that wait for an instance to come or go.
pub(super) fn wake(world: &mut World, namespace: &str) {
    let Some(claims) = kind("persistentvolumeclaims") else { return };
    let waits = |claim: &Value| {
        json::text(claim, "/status/phase") == "Pending"
            || claim.pointer("/metadata/deletionTimestamp").is_some()
    };
    let waiting: Vec<Key> = world
        .store
        .list(claims, Some(namespace))
        .filter(|(_, claim)| waits(claim))
        .map(|(key, _)| key.clone())
        .collect();
    for key in waiting {
        world.touch(claims, &key);
    }
}

/// Deletes the claim that a data volume was for, as the garbage collector does.
pub(super) fn follow_owner(world: &mut World, owner: &Key) {
    let Some(claims) = kind("persistentvolumeclaims") else { return };
    let Some(claim) = world.store.get(claims, owner).cloned() else { return };
    let is_its_own = json::list(&claim, "/metadata/ownerReferences").iter().any(|one| {
        json::text(one, "/kind") == "DataVolume" && json::text(one, "/name") == owner.name
    });
    if is_its_own {
        remove(world, claims, owner);
    }
}

fn may_bind(world: &World, claim: &Value, is_used: bool) -> bool {
    let name = json::text(claim, "/spec/storageClassName");
    let Some(class) = kind("storageclasses").and_then(|k| world.store.get(k, &Key::new("", name)))
    else {
        return false;
    };
    is_used || json::text(class, "/volumeBindingMode") != "WaitForFirstConsumer"
}

/// Whether an instance has it among its volumes.
fn is_used(world: &World, key: &Key) -> bool {
    world.store.list(&VMI, Some(&key.namespace)).any(|(_, instance)| {
        let is_over = matches!(json::text(instance, "/status/phase"), "Succeeded" | "Failed");
        !is_over
            && json::list(instance, "/spec/volumes").iter().any(|volume| {
                json::text(volume, "/persistentVolumeClaim/claimName") == key.name
                    || json::text(volume, "/dataVolume/name") == key.name
            })
    })
}
