//! Volumes that come and go while a machine runs: `addvolume` and `removevolume`.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::{Call, accepted, check_denial, conflict, instance_of, machine_of};
use crate::json;
use crate::kinds::{KUBEVIRT, Kind, VM, VMI};
use crate::respond::Body;
use crate::shared::State;
use crate::status::Refused;
use crate::world::Write;

/// Refuses where neither gate is open; tells whether only the declarative one is. That one is
/// open unless it is closed from 1.9 on, and is opened by name before that, as the other is.
fn gates(state: &State) -> Result<bool, Refused> {
    let installation = state.world.store.list(&KUBEVIRT, None).next().map(|(_, one)| one);
    let names = |field: &str, gate: &str| {
        let pointer = format!("/spec/configuration/developerConfiguration/{field}");
        let all = installation.map(|one| json::list(one, &pointer)).unwrap_or_default();
        all.iter().any(|one| one == gate)
    };
    let version = installation.map_or("", |one| json::text(one, "/status/observedKubeVirtVersion"));
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let beta = minor.is_none_or(|minor| minor >= 9)
        && !names("disabledFeatureGates", "DeclarativeHotplugVolumes");
    let ephemeral = names("featureGates", "HotplugVolumes");
    if ephemeral || beta || names("featureGates", "DeclarativeHotplugVolumes") {
        return Ok(!ephemeral);
    }
    Err(Refused::bad_request(
        "Enable DeclarativeHotplugVolumes or HotplugVolumes feature gate to use this API.",
    ))
}

fn is_owned(instance: &Value) -> bool {
    let owners = json::list(instance, "/metadata/ownerReferences").iter();
    owners.clone().any(|owner| json::text(owner, "/kind") == "VirtualMachine")
}

/// The name of the claim or data volume behind a volume, or in a request for one.
fn source_of(volume: &Value) -> &str {
    match json::text(volume, "/persistentVolumeClaim/claimName") {
        "" => json::text(volume, "/dataVolume/name"),
        claim => claim,
    }
}

/// Whether a volume was plugged in.
pub(crate) fn is_hotpluggable(volume: &Value) -> bool {
    ["persistentVolumeClaim", "dataVolume"]
        .iter()
        .any(|kind| volume.pointer(&format!("/{kind}/hotpluggable")) == Some(&Value::Bool(true)))
}

/// Answers both, on a machine or on an instance alone.
///
/// # Errors
/// 400 without a name, 404 without the object, 409 where the volume is there already or not at all.
pub(super) fn answer(
    state: &mut State,
    call: &Call<'_>,
    kind: &'static Kind,
) -> Result<Response<Body>, Refused> {
    let is_declarative = gates(state)?;
    let name = json::text(&call.body, "/name").to_owned();
    let adds = call.verb == "addvolume";
    let options = if adds { "AddVolumeOptions" } else { "RemoveVolumeOptions" };
    let lacks = |what: &str| Err(Refused::bad_request(format!("{options} requires {what}")));
    let has = |field: &str| call.body.get(field).is_some_and(Value::is_object);
    if name.is_empty() {
        return lacks("name to be set");
    }
    if adds && !has("disk") {
        return lacks("disk to not be nil");
    }
    if adds && !has("volumeSource") {
        return lacks("VolumeSource to not be nil");
    }
    let is_machine = *kind == VM;
    let object = match is_machine {
        true => machine_of(state, &call.key)?,
        false => instance_of(state, &call.key)?,
    };
    if !is_machine && json::text(&object, "/status/phase") != "Running" {
        return Err(conflict(&VMI, &call.key.name, "VMI is not running"));
    }
    if !is_machine && is_declarative && is_owned(&object) {
        let (namespace, name) = (&call.key.namespace, &call.key.name);
        return Err(Refused::bad_request(format!("VMI {namespace}/{name} is owned by a VM")));
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
        let source = source_of(call.body.get("volumeSource").unwrap_or(&Value::Null)).to_owned();
        let same = json::list(object, &volumes).iter().any(|one| source_of(one) == source);
        if same && !source.is_empty() {
            let why = format!("Unable to add volume source [{source}] because it already exists");
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
    // By its name, or by that of its claim.
    let is_it = |one: &&Value| json::text(one, "/name") == name || source_of(one) == name;
    let Some(found) = json::list(object, &volumes).iter().find(is_it) else {
        let why = format!("Unable to remove volume [{name}] because it does not exist");
        return Err(conflict(kind, &call.key.name, &why));
    };
    let gone = json::text(found, "/name").to_owned();
    if !is_hotpluggable(found) {
        let why = format!("Unable to remove volume [{gone}] because it is not hotpluggable");
        return Err(conflict(kind, &call.key.name, &why));
    }
    for pointer in [&volumes, &disks] {
        let mut list = json::list(object, pointer).to_vec();
        list.retain(|one| json::text(one, "/name") != gone);
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
