//! Machines: whether an instance is to be, and what of it the machine's status tells.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    add, clones, owned_by, remove, restored, restores, save, save_main, set_condition, strategy,
    volumes,
};
use crate::json;
use crate::kinds::{KUBEVIRT, VM, VMI};
use crate::sizing;
use crate::store::Key;
use crate::world::{World, stamp};

/// What keeps a machine until its instance is gone.
const FINALIZER: &str = "kubevirt.io/virtualMachineControllerFinalize";
/// What keeps an instance until its guest is.
const INSTANCE_FINALIZERS: &[&str] = &[FINALIZER, "kubevirt.io/foregroundDeleteVirtualMachine"];

/// Moves a machine on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(machine) = adopted(world, key) else {
        clones::follow(world, key);
        return;
    };
    if machine.pointer("/metadata/deletionTimestamp").is_some() {
        end(world, key, &machine);
        return;
    }
    let are_volumes_ready = volumes::ensure(world, &machine);
    let mut requests = json::list(&machine, "/status/stateChangeRequests").to_vec();
    if let Some(request) = requests.first().cloned() {
        if heed(world, key, &machine, &request, are_volumes_ready) {
            requests.remove(0);
        }
    } else if follow(world, key, &machine, are_volumes_ready) {
        requests.push(json!({ "action": "Start" }));
    }
    // The strategy may have changed on the way.
    let Some(machine) = world.store.get(&VM, key).cloned() else { return };
    roll_out(world, key, &machine);
    let next = told(world, key, &machine, &requests, are_volumes_ready);
    save(world, &VM, &machine, next);
    // It may tell by now that its volumes can be snapshotted.
    clones::wake(world, &key.namespace);
    if world.store.get(&VMI, key).is_none() {
        restores::wake(world, &key.namespace, Some(&key.name));
    }
}

/// The machine, with what the controller leaves on whatever it looks after.
fn adopted(world: &mut World, key: &Key) -> Option<Arc<Value>> {
    let machine = world.store.get(&VM, key).cloned()?;
    let is_ending = machine.pointer("/metadata/deletionTimestamp").is_some();
    let finalizers = json::list(&machine, "/metadata/finalizers");
    if is_ending || finalizers.iter().any(|one| one == FINALIZER) {
        return Some(machine);
    }
    let mut finalizers = finalizers.to_vec();
    finalizers.push(FINALIZER.into());
    let mut next = (*machine).clone();
    json::set(&mut next, "/metadata/finalizers", finalizers.into());
    for name in ["latest", "storage"] {
        let pointer = format!("/metadata/annotations/kubevirt.io~1{name}-observed-api-version");
        json::set(&mut next, &pointer, "v1".into());
    }
    save_main(world, &VM, &machine, next);
    world.store.get(&VM, key).cloned()
}

/// An instance that was orphaned stays, as whatever else belonged to the machine.
fn end(world: &mut World, key: &Key, machine: &Arc<Value>) {
    let uid = json::text(machine, "/metadata/uid");
    let is_owner = |one: &Value| json::text(one, "/uid") == uid;
    let owners =
        |one: &Arc<Value>| json::list(one, "/metadata/ownerReferences").iter().any(is_owner);
    if world.store.get(&VMI, key).is_some_and(owners) {
        remove(world, &VMI, key);
        let mut next = (**machine).clone();
        json::set(&mut next, "/status/printableStatus", "Terminating".into());
        save(world, &VM, machine, next);
        return;
    }
    let mut finalizers = json::list(machine, "/metadata/finalizers").to_vec();
    finalizers.retain(|one| one != FINALIZER);
    let mut next = (**machine).clone();
    if finalizers.is_empty() {
        json::remove(&mut next, "/metadata/finalizers");
    } else {
        json::set(&mut next, "/metadata/finalizers", finalizers.into());
    }
    save_main(world, &VM, machine, next);
}

/// Does what a request asks for; tells whether it is done with.
fn heed(
    world: &mut World,
    key: &Key,
    machine: &Value,
    request: &Value,
    are_volumes_ready: bool,
) -> bool {
    let instance = world.store.get(&VMI, key).cloned();
    if json::text(request, "/action") == "Stop" {
        let uid = json::text(request, "/uid");
        let is_meant = |one: &Arc<Value>| json::text(one, "/metadata/uid") == uid;
        if !instance.as_ref().is_some_and(is_meant) {
            return true;
        }
        remove(world, &VMI, key);
        return false;
    }
    if let Some(instance) = instance {
        // One that is on its way out has to be gone first.
        return instance.pointer("/metadata/deletionTimestamp").is_none();
    }
    if !are_volumes_ready {
        return false;
    }
    let is_paused = json::text(request, "/data/paused") == "true";
    make(world, key, machine, is_paused);
    if strategy(machine) == "Halted"
        && let Some(machine) = world.store.get(&VM, key).cloned()
    {
        let mut next = (*machine).clone();
        json::set(&mut next, "/spec/runStrategy", "Always".into());
        save_main(world, &VM, &machine, next);
    }
    true
}

/// Does what the strategy asks for; tells whether a start is to follow.
fn follow(world: &mut World, key: &Key, machine: &Value, are_volumes_ready: bool) -> bool {
    let strategy = strategy(machine).to_owned();
    let Some(instance) = world.store.get(&VMI, key).cloned() else {
        // One that was stopped, and is to run again when it fails, stays so until it is started.
        let is_new = json::text(machine, "/status/runStrategy") != strategy;
        let is_wanted = match strategy.as_str() {
            // Once as well: what it made and ended stays, and so it does not run twice.
            "Always" | "Once" => true,
            "RerunOnFailure" => is_new,
            _ => false,
        };
        if is_wanted && are_volumes_ready {
            make(world, key, machine, false);
        }
        return false;
    };
    let is_over = matches!(
        (strategy.as_str(), json::text(&instance, "/status/phase")),
        ("Halted", _) | ("Always", "Succeeded" | "Failed") | ("RerunOnFailure", "Failed")
    );
    if is_over {
        remove(world, &VMI, key);
    }
    is_over && strategy == "RerunOnFailure"
}

/// Makes the instance of a machine.
pub(super) fn make(world: &mut World, key: &Key, machine: &Value, is_paused: bool) {
    let template = |part: &str| {
        machine.pointer(&format!("/spec/template/{part}")).cloned().unwrap_or_else(|| json!({}))
    };
    if sizing::missing(machine, &world.store).is_some() {
        return;
    }
    let mut spec = template("spec");
    sizing::expand(machine, &world.store, &mut spec);
    let mut instance = json!({
        "apiVersion": "kubevirt.io/v1", "kind": VMI.kind,
        "metadata": {
            "name": key.name, "namespace": key.namespace,
            "labels": template("metadata/labels"),
            "annotations": template("metadata/annotations"),
            "finalizers": INSTANCE_FINALIZERS, "ownerReferences": owned_by(machine),
        },
        "spec": spec,
        "status": { "phase": "Pending" },
    });
    if is_paused {
        json::set(&mut instance, "/spec/startStrategy", "Paused".into());
    }
    add(world, &VMI, &key.namespace, instance);
}

/// The machine with the status that is true now.
fn told(
    world: &World,
    key: &Key,
    machine: &Value,
    requests: &[Value],
    are_volumes_ready: bool,
) -> Value {
    let now = stamp(world.now);
    let instance = world.store.get(&VMI, key);
    let mut next = machine.clone();
    let is_ready = instance.is_some_and(|one| json::has_condition(one, "Ready"));
    for (field, holds) in [("created", instance.is_some()), ("ready", is_ready)] {
        let pointer = format!("/status/{field}");
        // As Go writes it: what is false is left out.
        if holds {
            json::set(&mut next, &pointer, true.into());
        } else {
            json::remove(&mut next, &pointer);
        }
    }
    if requests.is_empty() {
        json::remove(&mut next, "/status/stateChangeRequests");
    } else {
        json::set(&mut next, "/status/stateChangeRequests", requests.to_vec().into());
    }
    let ready = match instance {
        None => ("False", "VMINotExists", "VMI does not exist"),
        Some(_) if is_ready => ("True", "", ""),
        Some(one) if json::list(one, "/status/conditions").is_empty() => {
            ("False", "VMIConditionMissing", "VMI is missing the Ready condition")
        }
        Some(_) => ("False", "GuestNotRunning", "Guest VM is not reported as running"),
    };
    set_condition(&mut next, "Ready", Some(ready), &now);
    let is_paused = instance.is_some_and(|one| json::has_condition(one, "Paused"));
    let paused = ("True", "PausedByUser", "VMI was paused by user");
    set_condition(&mut next, "Paused", is_paused.then_some(paused), &now);
    let waits = instance.is_some_and(|instance| is_behind(machine, instance));
    let restart = ("True", "", "a non-live-updatable field was changed in the template spec");
    set_condition(&mut next, "RestartRequired", waits.then_some(restart), &now);
    let missing = sizing::missing(machine, &world.store);
    let failure = missing.as_ref().map(|(reason, message)| ("True", *reason, message.as_str()));
    set_condition(&mut next, "Failure", failure, &now);
    for (field, bound) in sizing::bound(machine, &world.store) {
        // Bound once, whatever becomes of the type, until another one is named.
        let name = next.pointer(&field).map(|told| json::text(told, "/name"));
        if name != Some(json::text(&bound, "/name")) {
            json::set(&mut next, &field, bound);
        }
    }
    let shown = printable(machine, instance, are_volumes_ready);
    json::set(&mut next, "/status/printableStatus", shown.into());
    json::set(&mut next, "/status/runStrategy", strategy(machine).into());
    let generation = machine.pointer("/metadata/generation").cloned().unwrap_or_default();
    json::set(&mut next, "/status/desiredGeneration", generation.clone());
    json::set(&mut next, "/status/observedGeneration", generation);
    let snapshots: Vec<Value> = json::list(machine, "/spec/template/spec/volumes")
        .iter()
        .map(|volume| {
            let name = json::text(volume, "/name");
            if restored::is_storage(volume) && !world.switches.no_volume_snapshots {
                return json!({ "name": name, "enabled": true });
            }
            json!({
                "name": name, "enabled": false,
                "reason":
                    format!("Snapshot is not supported for this volumeSource type [{name}]"),
            })
        })
        .collect();
    json::set(&mut next, "/status/volumeSnapshotStatuses", snapshots.into());
    next
}

/// Whether an instance is another machine than its template describes by now. Disks come and go
/// while it runs.
fn is_behind(machine: &Value, instance: &Value) -> bool {
    let part = |object: &Value, pointer: &str| {
        let mut domain = object.pointer(pointer).cloned().unwrap_or_default();
        json::remove(&mut domain, "/devices/disks");
        json::remove(&mut domain, "/cpu/maxSockets");
        domain
    };
    part(machine, "/spec/template/spec/domain") != part(instance, "/spec/domain")
}

/// Brings what can be changed live to an instance that runs, where the installation says so:
/// sockets, up to its maximum.
fn roll_out(world: &mut World, key: &Key, machine: &Value) {
    let asks =
        |one: &Arc<Value>| json::text(one, "/spec/configuration/vmRolloutStrategy") == "LiveUpdate";
    let rolls_out = world.store.list(&KUBEVIRT, None).any(|(_, one)| asks(one));
    let Some(instance) = world.store.get(&VMI, key).cloned().filter(|_| rolls_out) else { return };
    let number = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_u64);
    let Some(wanted) = number(machine, "/spec/template/spec/domain/cpu/sockets") else { return };
    let now = number(&instance, "/spec/domain/cpu/sockets").unwrap_or(1);
    let most = number(&instance, "/spec/domain/cpu/maxSockets").unwrap_or(now);
    let mut next = (*instance).clone();
    json::set(&mut next, "/spec/domain/cpu/sockets", wanted.into());
    // Once it needs a restart for something else, nothing is brought to it.
    if wanted > now && wanted <= most && !is_behind(machine, &next) {
        save_main(world, &VMI, &instance, next);
    }
}

fn printable(
    machine: &Value,
    instance: Option<&Arc<Value>>,
    are_volumes_ready: bool,
) -> &'static str {
    let Some(instance) = instance else {
        return if are_volumes_ready { "Stopped" } else { "Provisioning" };
    };
    let phase = json::text(instance, "/status/phase");
    let is_unschedulable = json::list(instance, "/status/conditions").iter().any(|one| {
        json::text(one, "/type") == "PodScheduled" && json::text(one, "/status") == "False"
    });
    if instance.pointer("/metadata/deletionTimestamp").is_some() {
        "Stopping"
    } else if matches!(phase, "Succeeded" | "Failed") {
        match strategy(machine) {
            "Always" => "Stopping",
            _ => "Stopped",
        }
    } else if is_unschedulable {
        "ErrorUnschedulable"
    } else if json::has_condition(instance, "Paused") {
        "Paused"
    } else if super::is_migrating(instance)
        && instance.pointer("/status/migrationState/startTimestamp").is_some()
    {
        "Migrating"
    } else if phase == "Running" {
        "Running"
    } else {
        "Starting"
    }
}
