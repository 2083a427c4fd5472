//! What of a VM that exists can be a template's: the specification that was asked for, without
//! what is that VM's own. Disks are never copied: what was written to them since they were made
//! is not in the template, and each is told.

use serde_json::Value;

use super::placeholder::escaped;
use crate::error::{Error, Fault, Result};
use crate::vm::VmSpec;
use crate::vm::devices::DiskSource;

/// The specification for a template, and what of `spec` is not in it, by its place.
///
/// # Errors
/// A bug, where a specification is no JSON.
pub fn skeleton(spec: &VmSpec) -> Result<(Value, Vec<Fault>)> {
    let mut left_out = Vec::new();
    let mut add = |pointer: String, code: &str, detail: String| {
        left_out.push(Fault::new(pointer, code, detail));
    };
    let mut bare = spec.clone();
    for (index, nic) in bare.nics.iter_mut().enumerate() {
        if let Some(mac) = nic.mac.take() {
            add(format!("/nics/{index}/mac"), "own", format!("{mac} is the VM's own"));
        }
    }
    for (index, disk) in bare.disks.iter_mut().enumerate() {
        let (name, at) = (&disk.name, format!("/disks/{index}"));
        if let Some(serial) = disk.serial.take() {
            add(format!("{at}/serial"), "own", format!("{serial} is the disk's own"));
        }
        match &disk.source {
            DiskSource::Volume { pool, volume } => {
                let detail = format!(
                    "disk {name} is the volume {pool}/{volume}, which is the VM's own and is not \
                     copied; name an image in its place"
                );
                add(format!("{at}/source/volume"), "replace", detail);
                // No name of an image: it has to be given before the version is activated.
                let (size_bytes, pool, format) = (None, None, None);
                disk.source = DiskSource::Image { image: String::new(), size_bytes, pool, format };
            }
            DiskSource::Empty { .. } => {
                let detail = format!("disk {name} is made empty; what the VM wrote is not copied");
                add(format!("{at}/source/empty"), "not_copied", detail);
            }
            DiskSource::Image { image, .. } => {
                let detail = format!(
                    "disk {name} is made from image {image} anew; what the VM wrote is not copied"
                );
                add(format!("{at}/source/image"), "not_copied", detail);
            }
            DiskSource::NoMedia {} => {}
        }
    }
    if let Some(init) = &mut bare.cloud_init {
        let documents =
            [("user_data", &mut init.user_data), ("network_config", &mut init.network_config)];
        for (field, document) in documents {
            if document.take().is_some() {
                let detail = "is the VM's own and may hold secrets; give it anew, with parameters";
                add(format!("/cloud_init/{field}"), "own", detail.to_owned());
            }
        }
        if init.hostname.take().is_some() {
            let detail = "is the VM's own; others are called by their names";
            add("/cloud_init/hostname".to_owned(), "own", detail.to_owned());
        }
    }
    let mut tree = serde_json::to_value(&bare)
        .map_err(|error| Error::bug(format!("a specification is not JSON: {error}")))?;
    if let Value::Object(fields) = &mut tree {
        fields.remove("name");
        fields.remove("project");
        if bare.instance_type.is_some() {
            // The type says them, also when it has changed.
            fields.get_mut("cpu").and_then(|cpu| cpu.as_object_mut()?.remove("count"));
            fields.get_mut("memory").and_then(|memory| memory.as_object_mut()?.remove("bytes"));
        }
    }
    tidy(&mut tree);
    Ok((tree, left_out))
}

/// Leaves out what says nothing, and takes texts as they are.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::String(text) => *text = escaped(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
