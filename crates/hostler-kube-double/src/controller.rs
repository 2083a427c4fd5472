//! A small KubeVirt: what its controllers would do with the objects, one step at a time.
//!
//! A step looks at what was written since the last one, and moves each object by one phase at most.
//! There are no pods: what a launcher would tell is told by the instance.
//!
//! ```text
//!   instance:   (none) ─► Pending ─► Scheduling ─► Scheduled ─► Running ─► Succeeded ─► gone
//!   migration:  Pending ─► Scheduling ─► Scheduled ─► PreparingTarget ─► TargetReady ─► Running
//!                  └─ no second node, or a container disk without a digest: stays     ─► Succeeded
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::json;
use crate::kinds::{Catalog, Kind, NAMESPACE, VM, VMI, VMIM};
use crate::store::Key;
use crate::world::{Delete, World, Write};

mod claims;
mod clones;
pub(crate) mod instances;
mod machines;
mod migrations;
mod restored;
pub(crate) mod restores;
mod snapshots;
mod volumes;

/// How many steps may be needed until nothing moves; more would be a circle.
const SETTLED_AFTER: usize = 1_000;

/// Makes one step; tells whether there was anything to look at.
pub(crate) fn step(world: &mut World) -> bool {
    let dirty = std::mem::take(&mut world.dirty);
    let was_any = !dirty.is_empty();
    let (machines, others): (Vec<_>, Vec<_>) =
        dirty.into_iter().partition(|(plural, _)| *plural == VM.plural);
    for (plural, key) in others {
        match plural {
            "virtualmachineinstances" => {
                instances::reconcile(world, &key);
                claims::wake(world, &key.namespace);
            }
            "persistentvolumeclaims" => {
                claims::reconcile(world, &key);
                restores::wake(world, &key.namespace, None);
                clones::wake(world, &key.namespace);
            }
            "virtualmachineinstancemigrations" => migrations::reconcile(world, &key),
            "virtualmachinesnapshots" => {
                snapshots::reconcile(world, &key);
                clones::wake(world, &key.namespace);
            }
            "virtualmachinerestores" => {
                restores::reconcile(world, &key);
                clones::wake(world, &key.namespace);
            }
            "virtualmachineclones" => clones::reconcile(world, &key),
            "datavolumes" => volumes::reconcile(world, &key),
            "namespaces" => namespace(world, &key),
            "nodes" => wake_waiting(world),
            _ => {}
        }
    }
    // Machines come last, those of what has just moved too: so each phase shows in its machine.
    let mut machines: BTreeSet<Key> = machines.into_iter().map(|(_, key)| key).collect();
    let moved = world.dirty.extract_if(.., |(plural, _)| *plural == VM.plural);
    machines.extend(moved.map(|(_, key)| key));
    for key in machines {
        machines::reconcile(world, &key);
    }
    was_any
}

/// Steps until nothing moves.
pub(crate) fn settle(world: &mut World) {
    for _ in 0..SETTLED_AFTER {
        if !step(world) {
            return;
        }
    }
}

/// What a machine is asked to do.
pub(crate) fn strategy(machine: &Value) -> &str {
    match json::text(machine, "/spec/runStrategy") {
        "" if machine.pointer("/spec/running") == Some(&Value::Bool(true)) => "Always",
        "" => "Halted",
        strategy => strategy,
    }
}

/// Whether a migration is under way for an instance.
pub(crate) fn is_migrating(instance: &Value) -> bool {
    let state = instance.pointer("/status/migrationState");
    state.is_some_and(|state| state.get("completed") != Some(&Value::Bool(true)))
}

/// Sets or removes a condition: its status, reason and message.
pub(crate) fn set_condition(
    object: &mut Value,
    kind: &str,
    condition: Option<(&str, &str, &str)>,
    now: &str,
) {
    let mut conditions = json::list(object, "/status/conditions").to_vec();
    let before = conditions.iter().find(|one| json::text(one, "/type") == kind).cloned();
    conditions.retain(|one| json::text(one, "/type") != kind);
    if let Some((status, reason, message)) = condition {
        // The time stays where the status does.
        let since = before.filter(|one| json::text(one, "/status") == status).map_or_else(
            || now.to_owned(),
            |one| json::text(&one, "/lastTransitionTime").to_owned(),
        );
        let mut one = json!({
            "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since,
        });
        for (field, text) in [("/reason", reason), ("/message", message)] {
            if !text.is_empty() {
                json::set(&mut one, field, text.into());
            }
        }
        conditions.push(one);
    }
    json::set(object, "/status/conditions", conditions.into());
}

/// Writes a status.
fn save(world: &mut World, kind: &'static Kind, current: &Arc<Value>, next: Value) {
    let write = Write::controller(world.now, kind);
    // By KubeVirt itself: nothing refuses it.
    let _kept = world.update(kind, current, next, &write);
}

/// Writes the rest of an object.
fn save_main(world: &mut World, kind: &'static Kind, current: &Arc<Value>, next: Value) {
    let write = Write::controller(world.now, kind).on_main();
    let _kept = world.update(kind, current, next, &write);
}

/// Adds an object.
fn add(world: &mut World, kind: &'static Kind, namespace: &str, object: Value) {
    let write = Write::controller(world.now, kind).on_main();
    // In a namespace that ends, nothing new comes.
    let _made = world.create(kind, namespace, object, &write);
}

/// Deletes an object; what is not there is no matter.
fn remove(world: &mut World, kind: &'static Kind, key: &Key) {
    let _deleted = world.delete(kind, key, &Delete::default());
}

/// Who owns what a machine made.
pub(crate) fn owned_by(machine: &Value) -> Value {
    json!([{
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "blockOwnerDeletion": true,
        "controller": true, "name": json::text(machine, "/metadata/name"),
        "uid": json::text(machine, "/metadata/uid"),
    }])
}

/// A namespace that ends takes what is in it along, and is gone when nothing is.
fn namespace(world: &mut World, key: &Key) {
    let Some(found) = world.store.get(&NAMESPACE, key).cloned() else { return };
    if json::text(&found, "/status/phase") != "Terminating" {
        return;
    }
    let mut is_empty = true;
    for kind in crate::kinds::KINDS.iter().filter(|kind| kind.namespaced) {
        let keys: Vec<Key> =
            world.store.list(kind, Some(&key.name)).map(|(key, _)| key.clone()).collect();
        is_empty &= keys.is_empty();
        for key in keys {
            remove(world, kind, &key);
        }
    }
    if is_empty {
        world.store.remove(&NAMESPACE, key);
    } else {
        world.touch(&NAMESPACE, key);
    }
}

/// What waits for a node is looked at again when nodes change.
fn wake_waiting(world: &mut World) {
    for kind in [&VMI, &VMIM] {
        let waiting: Vec<Key> = world
            .store
            .list(kind, None)
            .filter(|(_, one)| json::text(one, "/status/phase") == "Scheduling")
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            world.touch(kind, &key);
        }
    }
}

/// A kind that is reached by its plural name.
fn kind(plural: &str) -> Option<&'static Kind> {
    Catalog::of_plural(plural)
}
