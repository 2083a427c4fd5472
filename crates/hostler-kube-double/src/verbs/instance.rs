//! Verbs on instances: pause and its kin, what the guest tells, and who may have a console.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::{Call, check_denial, conflict, instance_of, volumes};
use crate::controller;
use crate::json;
use crate::kinds::VMI;
use crate::respond::{self, Body};
use crate::shared::State;
use crate::status::Refused;
use crate::store::Key;
use crate::world::{Write, stamp};

/// Answers a verb.
///
/// # Errors
/// As virt-api refuses it.
pub(super) fn answer(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    match call.verb {
        "guestosinfo" | "userlist" | "filesystemlist" => guest(state, call),
        "addvolume" | "removevolume" => volumes::answer(state, call, &VMI),
        _ => change(state, call),
    }
}

/// The instance, if it has such a console now.
///
/// # Errors
/// 404; 400 when it has no such device or does not run; 409 for a serial line when it failed.
pub(super) fn check_console(state: &State, key: &Key, verb: &str) -> Result<Arc<Value>, Refused> {
    let instance = instance_of(state, key)?;
    let (device, missing) = match verb {
        "vnc" => ("autoattachGraphicsDevice", "No graphics devices are present."),
        _ => ("autoattachSerialConsole", "No serial consoles are present."),
    };
    let pointer = format!("/spec/domain/devices/{device}");
    if instance.pointer(&pointer) == Some(&Value::Bool(false)) {
        return Err(Refused::bad_request(missing));
    }
    match json::text(&instance, "/status/phase") {
        "Running" => Ok(instance),
        "Failed" if verb == "console" => Err(conflict(&VMI, &key.name, "VMI is in failed status")),
        _ => Err(Refused::bad_request("VMI is not running")),
    }
}

fn change(state: &mut State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    let instance = instance_of(state, &call.key)?;
    let refuse = |why: &str| Err(conflict(&VMI, &call.key.name, why));
    let is_paused = json::has_condition(&instance, "Paused");
    if json::text(&instance, "/status/phase") != "Running" {
        return refuse(match call.verb {
            "unpause" | "unfreeze" => "VMI is not running",
            _ => "VM is not running",
        });
    }
    match call.verb {
        "pause" if is_paused => return refuse("VMI is already paused"),
        "unpause" if !is_paused => return refuse("VMI is not paused"),
        "softreboot" if is_paused => return refuse("VMI is paused"),
        "pause" if controller::is_migrating(&instance) => {
            let why = format!(
                "Cannot pause VM '{}' because it is currently being migrated",
                call.key.name
            );
            return refuse(&why);
        }
        _ => {}
    }
    check_denial(state)?;
    if !call.is_dry() {
        let mut next = (*instance).clone();
        let now = stamp(state.world.now);
        match call.verb {
            "pause" => controller::set_condition(
                &mut next,
                "Paused",
                Some(("True", "PausedByUser", "VMI was paused by user")),
                &now,
            ),
            "unpause" => controller::set_condition(&mut next, "Paused", None, &now),
            "freeze" => json::set(&mut next, "/status/fsFreezeStatus", "frozen".into()),
            "unfreeze" => json::remove(&mut next, "/status/fsFreezeStatus"),
            // A guest that begins anew is the same instance.
            _ => {}
        }
        let write = Write::controller(state.world.now, &VMI).by_manager("virt-handler");
        state.world.update(&VMI, &instance, next, &write)?;
    }
    Ok(respond::empty(call.accepted))
}

/// What the guest's agent tells; every refusal is 500 and a text.
fn guest(state: &State, call: &Call<'_>) -> Result<Response<Body>, Refused> {
    let as_text = |refused: Refused| Refused::text(500, refused.message());
    let instance = instance_of(state, &call.key).map_err(as_text)?;
    if json::text(&instance, "/status/phase") != "Running" {
        return Err(as_text(conflict(&VMI, &call.key.name, "VMI is not running")));
    }
    if !json::has_condition(&instance, "AgentConnected") {
        let why = "VMI does not have guest agent connected";
        return Err(as_text(conflict(&VMI, &call.key.name, why)));
    }
    let body = match call.verb {
        "userlist" => json!({ "metadata": {}, "items": [] }),
        "filesystemlist" => json!({ "metadata": {}, "items": [{
            "diskName": "vda1", "mountPoint": "/", "fileSystemType": "ext4",
            "usedBytes": 1_073_741_824_u64, "totalBytes": 10_737_418_240_u64,
        }] }),
        _ => json!({
            "guestAgentVersion": "7.2.0", "hostname": call.key.name,
            "os": instance.pointer("/status/guestOSInfo").cloned().unwrap_or(Value::Null),
            "timezone": "UTC, 0", "fsInfo": { "disks": [] }, "userList": [],
        }),
    };
    Ok(respond::json(200, &body))
}
