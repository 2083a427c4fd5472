//! Verbs on machines: start, stop, restart, migrate, memory dumps, the expanded specification.
//!
//! | runStrategy      | start                     | stop            | restart |
//! |------------------|---------------------------|-----------------|---------|
//! | Halted           | Always, or a paused start | shorter grace   | 409     |
//! | Always           | 409                       | Halted          | request |
//! | Once             | 409                       | Halted          | 409     |
//! | Manual, Rerun…   | request                   | request         | request |
//!
//! A request is an entry of `status.stateChangeRequests`, which the controller takes.

use http::Response;
use serde_json::{Value, json};

use super::{Call, accepted, check_denial, conflict, instance_of, machine_of, volumes, wrapped};
use crate::controller::strategy;
use crate::json;
use crate::kinds::{VM, VMI, VMIM};
use crate::respond::{self, Body};
use crate::shared::State;
use crate::status::Refused;
use crate::world::Write;

/// Answers a verb.
///
/// # Errors
/// As virt-api refuses it.
pub(super) fn answer(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    match call.verb {
        "start" => start(state, call),
        "stop" => stop(state, call),
        "restart" => restart(state, call),
        "migrate" => migrate(state, call),
        "addvolume" | "removevolume" => volumes::answer(state, call, &VM),
        "expand-spec" => Ok(respond::json(200, &*machine_of(state, &call.key)?)),
        _ => memory_dump(state, call),
    }
}

fn is_final(instance: &Value) -> bool {
    matches!(json::text(instance, "/status/phase"), "Succeeded" | "Failed")
}

fn refuse(call: &Call<'_>, why: &str) -> Refused {
    conflict(&VM, &call.key.name, why)
}

fn start(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    let machine = machine_of(state, &call.key)?;
    let instance = state.world.store.get(&VMI, &call.key).cloned();
    let phase = instance.as_ref().map(|one| json::text(one, "/status/phase").to_owned());
    let is_running = phase
        .as_deref()
        .is_some_and(|phase| !matches!(phase, "" | "Unknown" | "Succeeded" | "Failed"));
    if is_running {
        return Err(refuse(call, "VM is already running"));
    }
    let paused = call.body.get("paused").and_then(Value::as_bool).unwrap_or(false);
    let data = if paused { json!({ "paused": "true" }) } else { json!({}) };
    let begin = json!({ "action": "Start", "data": data });
    match strategy(&machine) {
        "Halted" if paused => request(state, call, vec![begin]),
        "Halted" => set_strategy(state, call, "Always"),
        "RerunOnFailure" if phase.as_deref() == Some("Failed") => {
            Err(refuse(call, "RerunOnFailure does not support starting VM from failed state"))
        }
        "RerunOnFailure" | "Manual" => {
            let end = instance
                .filter(|one| is_final(one))
                .map(|one| json!({ "action": "Stop", "uid": one.pointer("/metadata/uid") }));
            request(state, call, end.into_iter().chain([begin]).collect())
        }
        other => Err(refuse(call, &format!("{other} does not support manual start requests"))),
    }
}

fn stop(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    let machine = machine_of(state, &call.key)?;
    let instance = state.world.store.get(&VMI, &call.key).cloned().filter(|one| !is_final(one));
    let grace = call.body.get("gracePeriod").and_then(Value::as_i64);
    let strategy = strategy(&machine);
    let before = instance
        .as_ref()
        .and_then(|one| one.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64));
    if let (Some(instance), Some(grace)) = (&instance, grace) {
        check_denial(state)?;
        let mut next = (**instance).clone();
        json::set(&mut next, "/spec/terminationGracePeriodSeconds", grace.into());
        let mut write = Write::controller(state.world.now, &VMI).by_manager("virt-api");
        write.dry = call.is_dry();
        state.world.update(&VMI, instance, next, &write)?;
    }
    if matches!(strategy, "Always" | "Once") {
        return set_strategy(state, call, "Halted");
    }
    let Some(instance) = instance else { return Err(refuse(call, "VM is not running")) };
    let is_shorter = grace.is_some_and(|grace| before.is_none_or(|before| grace < before));
    if strategy == "Halted" && !is_shorter {
        let why = "Halted only supports manual stop requests with a shorter graceperiod";
        return Err(refuse(call, why));
    }
    let end = json!({ "action": "Stop", "uid": instance.pointer("/metadata/uid") });
    request(state, call, vec![end])
}

fn restart(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    match call.body.get("gracePeriodSeconds").and_then(Value::as_i64) {
        Some(seconds) if seconds > 0 => {
            let why = "For force restart, only gracePeriod=0 is supported for now";
            return Err(Refused::bad_request(why));
        }
        Some(seconds) if seconds < 0 => {
            return Err(Refused::bad_request("gracePeriod has to be greater or equal to 0"));
        }
        _ => {}
    }
    let machine = machine_of(state, &call.key)?;
    let strategy = strategy(&machine);
    if matches!(strategy, "Halted" | "Once") {
        // The misspelling is the server's.
        let why = format!("RunStategy {strategy} does not support manual restart requests");
        return Err(refuse(call, &why));
    }
    let Some(instance) = state.world.store.get(&VMI, &call.key) else {
        return Err(refuse(call, "VM is not running: Halted"));
    };
    let end = json!({ "action": "Stop", "uid": instance.pointer("/metadata/uid") });
    request(state, call, vec![end, json!({ "action": "Start" })])
}

fn migrate(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    machine_of(state, &call.key)?;
    let instance = instance_of(state, &call.key)?;
    if json::text(&instance, "/status/phase") != "Running" {
        return Err(refuse(call, "VM is not running"));
    }
    let mut migration = json!({
        "apiVersion": "kubevirt.io/v1", "kind": VMIM.kind,
        "metadata": { "generateName": "kubevirt-migrate-vm-" },
        "spec": { "vmiName": call.key.name },
    });
    if let Some(nodes) = call.body.get("addedNodeSelector") {
        json::set(&mut migration, "/spec/addedNodeSelector", nodes.clone());
    }
    let mut write = Write::controller(state.world.now, &VMIM).on_main().by_manager("virt-api");
    write.dry = call.is_dry();
    // virt-api's own write is judged as anybody's.
    write.by_user = true;
    state
        .world
        .create(&VMIM, &call.key.namespace, migration, &write)
        .map_err(|refused| wrapped(&refused))?;
    Ok(accepted())
}

fn memory_dump(state: &State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    machine_of(state, &call.key)?;
    let instance = instance_of(state, &call.key)?;
    if json::text(&instance, "/status/phase") != "Running" {
        return Err(conflict(&VMI, &call.key.name, "VMI is not running"));
    }
    Err(Refused::text(501, "the double makes no memory dumps"))
}

/// Asks the controller by the status.
fn request(
    state: &mut State,
    call: &Call<'_>,
    requests: Vec<Value>,
) -> Result<Response<Body>, Refused> {
    check_denial(state)?;
    let machine = machine_of(state, &call.key)?;
    let is_stop = requests.len() == 1 && json::text(&requests[0], "/action") == "Stop";
    if !json::list(&machine, "/status/stateChangeRequests").is_empty() && !is_stop {
        let words = "unable to complete request: stop/start already underway";
        return Err(Refused::internal(words));
    }
    let mut next = (*machine).clone();
    json::set(&mut next, "/status/stateChangeRequests", requests.into());
    let mut write = Write::controller(state.world.now, &VM).by_manager("virt-api");
    write.dry = call.is_dry();
    state.world.update(&VM, &machine, next, &write)?;
    Ok(accepted())
}

/// Writes the run strategy; or `running`, where the machine has that.
fn set_strategy(
    state: &mut State,
    call: &Call<'_>,
    strategy: &str,
) -> Result<Response<Body>, Refused> {
    check_denial(state)?;
    let machine = machine_of(state, &call.key)?;
    let mut next = (*machine).clone();
    if next.pointer("/spec/running").is_some() {
        json::set(&mut next, "/spec/running", (strategy == "Always").into());
    } else {
        json::set(&mut next, "/spec/runStrategy", strategy.into());
    }
    let mut write = Write::controller(state.world.now, &VM).on_main().by_manager("virt-api");
    write.dry = call.is_dry();
    state.world.update(&VM, &machine, next, &write)?;
    Ok(accepted())
}
