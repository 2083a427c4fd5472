//! Live migrations: their phases, what the instance tells of them, how they fail and are cancelled.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{instances, remove, save, save_main};
use crate::json;
use crate::kinds::{VMI, VMIM};
use crate::store::Key;
use crate::world::{World, stamp};

const FINALIZER: &str = "kubevirt.io/migrationJobFinalize";
/// How many that are over are kept for each instance.
const KEPT: usize = 5;

/// Moves a migration on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(migration) = adopted(world, key) else { return };
    let phase = json::text(&migration, "/status/phase").to_owned();
    let is_over = matches!(phase.as_str(), "Succeeded" | "Failed");
    if migration.pointer("/metadata/deletionTimestamp").is_some() {
        if is_over {
            let mut next = (*migration).clone();
            json::remove(&mut next, "/metadata/finalizers");
            save_main(world, &VMIM, &migration, next);
        } else {
            abort(world, &migration);
        }
        return;
    }
    if is_over {
        forget_old(world, &migration);
        return;
    }
    let at = Key::new(&key.namespace, json::text(&migration, "/spec/vmiName"));
    let Some(instance) = world.store.get(&VMI, &at).cloned() else {
        enter(world, &migration, "Failed");
        return;
    };
    let target = target(world, &migration, &instance);
    let next = match phase.as_str() {
        "" => "Pending",
        // The target could not be given the same disk.
        "Pending" if instances::floating_disks(&instance) => return,
        "Pending" => "Scheduling",
        "Scheduling" if target.is_none() => return,
        "Scheduling" => "Scheduled",
        "Scheduled" => {
            prepare(world, &migration, &instance, &target.unwrap_or_default());
            "PreparingTarget"
        }
        "PreparingTarget" => "TargetReady",
        "TargetReady" => {
            let now = stamp(world.now);
            edit(world, &instance, |next| {
                json::set(next, "/status/migrationState/startTimestamp", now.as_str().into());
            });
            "Running"
        }
        _ => finish(world, &instance),
    };
    enter(world, &migration, next);
}

fn adopted(world: &mut World, key: &Key) -> Option<Arc<Value>> {
    let migration = world.store.get(&VMIM, key).cloned()?;
    let finalizers = json::list(&migration, "/metadata/finalizers");
    let is_ending = migration.pointer("/metadata/deletionTimestamp").is_some();
    if is_ending || finalizers.iter().any(|one| one == FINALIZER) {
        return Some(migration);
    }
    let mut next = (*migration).clone();
    json::set(&mut next, "/metadata/finalizers", json!([FINALIZER]));
    let name = json::text(&migration, "/spec/vmiName").to_owned();
    json::set(&mut next, "/metadata/labels/kubevirt.io~1vmi-name", name.into());
    save_main(world, &VMIM, &migration, next);
    world.store.get(&VMIM, key).cloned()
}

fn enter(world: &mut World, migration: &Arc<Value>, phase: &str) {
    let mut next = (**migration).clone();
    json::set(&mut next, "/status/phase", phase.into());
    let mut times = json::list(migration, "/status/phaseTransitionTimestamps").to_vec();
    times.push(json!({ "phase": phase, "phaseTransitionTimestamp": stamp(world.now) }));
    json::set(&mut next, "/status/phaseTransitionTimestamps", times.into());
    let at = Key::new(
        json::text(migration, "/metadata/namespace"),
        json::text(migration, "/spec/vmiName"),
    );
    let state = world.store.get(&VMI, &at).and_then(|one| one.pointer("/status/migrationState"));
    let uid = migration.pointer("/metadata/uid");
    if let Some(state) = state.filter(|state| state.get("migrationUid") == uid) {
        json::set(&mut next, "/status/migrationState", state.clone());
    }
    save(world, &VMIM, migration, next);
}

/// A node that takes it: another one, and the one asked for if one is.
fn target(world: &World, migration: &Value, instance: &Value) -> Option<String> {
    let source = json::text(instance, "/status/nodeName");
    let wanted = json::text(migration, "/spec/addedNodeSelector/kubernetes.io~1hostname");
    instances::nodes(world)
        .into_iter()
        .filter(|node| node != source)
        .find(|node| wanted.is_empty() || node == wanted)
}

fn edit(world: &mut World, instance: &Arc<Value>, change: impl FnOnce(&mut Value)) {
    let mut next = (**instance).clone();
    change(&mut next);
    save(world, &VMI, instance, next);
}

fn prepare(world: &mut World, migration: &Value, instance: &Arc<Value>, target: &str) {
    let name = json::text(instance, "/metadata/name").to_owned();
    let pods = [world.ids.suffix(), world.ids.suffix()];
    let state = json!({
        "migrationUid": json::text(migration, "/metadata/uid"), "mode": "PreCopy",
        "sourceNode": json::text(instance, "/status/nodeName"), "targetNode": target,
        "sourcePod": format!("virt-launcher-{name}-{}", pods[0]),
        "targetPod": format!("virt-launcher-{name}-{}", pods[1]),
        "migrationConfiguration": {
            "allowAutoConverge": false, "allowPostCopy": false, "allowWorkloadDisruption": false,
            "bandwidthPerMigration": "0", "completionTimeoutPerGiB": 150, "maxDowntimeMs": 900,
            "nodeDrainTaintKey": "kubevirt.io/drain", "parallelMigrationsPerCluster": 5,
            "parallelOutboundMigrationsPerNode": 2, "progressTimeout": 150,
            "unsafeMigrationOverride": false, "utilityVolumesTimeout": 150,
        },
    });
    edit(world, instance, |next| {
        json::set(next, "/status/migrationState", state);
        let label = "/metadata/labels/kubevirt.io~1migrationTargetNodeName";
        json::set(next, label, target.into());
    });
}

fn finish(world: &mut World, instance: &Arc<Value>) -> &'static str {
    let now = stamp(world.now);
    let failure = world.switches.migrations_fail.clone();
    let target = json::text(instance, "/status/migrationState/targetNode").to_owned();
    let uid = json::text(instance, "/metadata/uid").to_owned();
    let phase = if failure.is_some() { "Failed" } else { "Succeeded" };
    edit(world, instance, |next| {
        let state = "/status/migrationState";
        json::set(next, &format!("{state}/completed"), true.into());
        json::set(next, &format!("{state}/endTimestamp"), now.as_str().into());
        match failure {
            Some(reason) => {
                json::set(next, &format!("{state}/failed"), true.into());
                json::set(next, &format!("{state}/failureReason"), reason.into());
            }
            None => {
                json::set(next, &format!("{state}/targetNodeDomainDetected"), true.into());
                json::set(
                    next,
                    &format!("{state}/targetNodeDomainReadyTimestamp"),
                    now.as_str().into(),
                );
                json::set(next, "/status/nodeName", target.as_str().into());
                json::set(next, "/metadata/labels/kubevirt.io~1nodeName", target.as_str().into());
                json::set(next, &format!("/status/activePods/{uid}"), target.as_str().into());
            }
        }
    });
    phase
}

/// Deleting a migration that is under way cancels it.
fn abort(world: &mut World, migration: &Arc<Value>) {
    let at = Key::new(
        json::text(migration, "/metadata/namespace"),
        json::text(migration, "/spec/vmiName"),
    );
    let now = stamp(world.now);
    let uid = migration.pointer("/metadata/uid").cloned();
    let is_its =
        |one: &Arc<Value>| one.pointer("/status/migrationState/migrationUid") == uid.as_ref();
    if let Some(instance) = world.store.get(&VMI, &at).cloned().filter(is_its) {
        edit(world, &instance, |next| {
            for (field, value) in [
                ("abortRequested", Value::Bool(true)),
                ("abortStatus", "Succeeded".into()),
                ("completed", Value::Bool(true)),
                ("failed", Value::Bool(true)),
                ("failureReason", "Live migration aborted".into()),
                ("endTimestamp", now.as_str().into()),
            ] {
                json::set(next, &format!("/status/migrationState/{field}"), value);
            }
        });
    }
    enter(world, migration, "Failed");
}

/// Of those that are over, the newest few stay.
fn forget_old(world: &mut World, migration: &Value) {
    let instance = json::text(migration, "/spec/vmiName");
    let namespace = json::text(migration, "/metadata/namespace");
    let mut over: Vec<(u64, Key)> = world
        .store
        .list(&VMIM, Some(namespace))
        .filter(|(_, one)| {
            json::text(one, "/spec/vmiName") == instance
                && matches!(json::text(one, "/status/phase"), "Succeeded" | "Failed")
        })
        .map(|(key, one)| {
            let version = json::text(one, "/metadata/resourceVersion").parse().unwrap_or_default();
            (version, key.clone())
        })
        .collect();
    over.sort();
    let extra = over.len().saturating_sub(KEPT);
    for (_, key) in over.into_iter().take(extra) {
        remove(world, &VMIM, &key);
    }
}
