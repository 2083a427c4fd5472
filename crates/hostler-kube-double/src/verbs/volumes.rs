//! Volumes that come and go while a machine runs: `addvolume` and `removevolume`.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::{Call, accepted, check_denial, conflict, instance_of, machine_of};
use crate::json;
use crate::kinds::{Kind, VM, VMI};
use crate::respond::Body;
use crate::shared::State;
use crate::status::Refused;
use crate::world::Write;

/// Answers both, on a machine or on an instance alone.
///
/// # Errors
/// 400 without a name, 404 without the object, 409 where the volume is there already or not at all.
pub(super) fn answer(
    state: &mut State,
    call: &Call<'_>,
    kind: &'static Kind,
) -> Result<Response<Body>, Refused> {
    let name = json::text(&call.body, "/name").to_owned();
    if name.is_empty() {
        return Err(Refused::bad_request(format!(
            "{} requires name to be set",
            if call.verb == "addvolume" { "AddVolumeOptions" } else { "RemoveVolumeOptions" }
        )));
    }
    let is_machine = *kind == VM;
    let object = match is_machine {
        true => machine_of(state, &call.key)?,
        false => instance_of(state, &call.key)?,
    };
    if !is_machine && json::text(&object, "/status/phase") != "Running" {
        return Err(conflict(&VMI, &call.key.name, "VMI is not running"));
    }
    check_denial(state)?;
    let spec = if is_machine { "/spec/template/spec" } else { "/spec" };
    let next = changed(call, kind, &object, spec, &name)?;
    if !call.is_dry() {
        write(state, kind, &object, next)?;
        if is_machine {
            on_running(state, call, &name)?;
        }
    }
    Ok(accepted())
}

fn changed(
    call: &Call<'_>,
    kind: &Kind,
    object: &Value,
    spec: &str,
    name: &str,
) -> Result<Value, Refused> {
    let volumes = format!("{spec}/volumes");
    let disks = format!("{spec}/domain/devices/disks");
    let has = json::list(object, &volumes).iter().any(|one| json::text(one, "/name") == name);
    let mut next = object.clone();
    if call.verb == "addvolume" {
        if has {
            let why = format!(
                "Unable to add volume [{name}] because volume with that name already exists"
            );
            return Err(conflict(kind, &call.key.name, &why));
        }
        let mut volume = call.body.get("volumeSource").cloned().unwrap_or_else(|| json!({}));
        for source in json::object(&mut volume).values_mut() {
            json::set(source, "/hotpluggable", true.into());
        }
        json::set(&mut volume, "/name", name.into());
        let mut disk = call.body.get("disk").cloned().unwrap_or_else(|| json!({}));
        json::set(&mut disk, "/name", name.into());
        for (pointer, item) in [(&volumes, volume), (&disks, disk)] {
            let mut list = json::list(object, pointer).to_vec();
            list.push(item);
            json::set(&mut next, pointer, list.into());
        }
        return Ok(next);
    }
    if !has {
        let why = format!("Unable to remove volume [{name}] because it does not exist");
        return Err(conflict(kind, &call.key.name, &why));
    }
    for pointer in [&volumes, &disks] {
        let mut list = json::list(object, pointer).to_vec();
        list.retain(|one| json::text(one, "/name") != name);
        json::set(&mut next, pointer, list.into());
    }
    Ok(next)
}

fn write(
    state: &mut State,
    kind: &'static Kind,
    object: &Arc<Value>,
    next: Value,
) -> Result<(), Refused> {
    let write = Write::controller(state.world.now, kind).on_main().by_manager("virt-api");
    state.world.update(kind, object, next, &write).map(|_| ())
}

/// A machine that runs has the change in its instance too.
fn on_running(state: &mut State, call: &Call<'_>, name: &str) -> Result<(), Refused> {
    let Ok(instance) = instance_of(state, &call.key) else { return Ok(()) };
    let has =
        json::list(&instance, "/spec/volumes").iter().any(|one| json::text(one, "/name") == name);
    // Somebody may have changed the instance alone before.
    if has == (call.verb == "addvolume") {
        return Ok(());
    }
    let next = changed(call, &VMI, &instance, "/spec", name)?;
    write(state, &VMI, &instance, next)
}
