//! The request: what the file says, then what the flags say.

use std::io::Read;
use std::path::Path;

use hostler_api::v1;
use serde_json::{Value, json};

use super::devices::{self, pairs, word};
use super::{CreateArgs, Graphics, GuestArgs, SizeArgs};
use crate::commands::instance_types::named;
use crate::failure::{Failure, Result};
use crate::text::parse_yaml;

/// The largest document that is read, in bytes.
const DOCUMENT_MAX_BYTES: u64 = 1024 * 1024;
/// The memory of a VM for which nobody says another, in bytes.
const MEMORY_DEFAULT_BYTES: u64 = 1 << 30;

/// The request that flags and file describe.
pub(super) fn build(args: &CreateArgs) -> Result<v1::VmRequest> {
    let mut request = match &args.file {
        Some(file) => from_file(file, args)?,
        None => {
            let name = args.name.as_deref().ok_or_else(|| {
                Failure::usage("the VM has no name").with_hint("hostler vm create NAME …")
            })?;
            from_value(json!({"spec": {"name": name}}))?
        }
    };
    let spec = &mut request.spec;
    size(&args.size, spec)?;
    devices(args, spec)?;
    guest(&args.guest, spec)?;
    if args.no_start {
        request.start = false;
    }
    Ok(request)
}

/// A document is the request, or its `spec` alone.
fn from_file(file: &Path, args: &CreateArgs) -> Result<v1::VmRequest> {
    let text = read_text(file)?;
    let failed = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let document: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?
    } else {
        parse_yaml(&text).map_err(&failed)?
    };
    let mut document = match document {
        Value::Object(fields) if fields.contains_key("spec") => Value::Object(fields),
        spec => json!({ "spec": spec }),
    };
    let spec = document.get_mut("spec").and_then(Value::as_object_mut);
    let spec = spec.ok_or_else(|| failed("the description is no object".into()))?;
    if let Some(name) = &args.name {
        spec.insert("name".into(), name.as_str().into());
    }
    serde_json::from_value(document).map_err(|error| failed(error.to_string()))
}

fn from_value(value: Value) -> Result<v1::VmRequest> {
    serde_json::from_value(value).map_err(|error| Failure::new(70, error.to_string()))
}

/// Processors, memory and machine.
fn size(args: &SizeArgs, spec: &mut v1::VmSpec) -> Result {
    for (given, field) in
        [(&args.instance_type, &mut spec.instance_type), (&args.preference, &mut spec.preference)]
    {
        if let Some(text) = given {
            *field = Some(named(text));
        }
    }
    spec.cpu.count = args.cpus.or(spec.cpu.count);
    spec.cpu.max_count = args.max_cpus.or(spec.cpu.max_count);
    if let Some(text) = &args.topology {
        let fields: serde_json::Map<String, Value> = pairs("--topology", text)?
            .into_iter()
            .map(|(key, value)| {
                let count: u32 = value.parse().map_err(|_| {
                    Failure::usage(format!("--topology {text}: `{key}` needs a number"))
                })?;
                Ok((key, count.into()))
            })
            .collect::<Result<_>>()?;
        let topology = serde_json::from_value(Value::Object(fields));
        spec.cpu.topology =
            Some(topology.map_err(|e| Failure::usage(format!("--topology {text}: {e}")))?);
    }
    if let Some(mode) = &args.cpu_mode {
        spec.cpu.mode = match mode.replace('-', "_").as_str() {
            "default" => v1::CpuMode::Default,
            "host_passthrough" => v1::CpuMode::HostPassthrough,
            "host_model" => v1::CpuMode::HostModel,
            "maximum" => v1::CpuMode::Maximum,
            _ => v1::CpuMode::Named(mode.clone()),
        };
    }
    spec.memory.bytes = args.memory.or(spec.memory.bytes);
    if spec.instance_type.is_none() {
        spec.memory.bytes.get_or_insert(MEMORY_DEFAULT_BYTES);
    }
    spec.memory.hugepages |= args.hugepages;
    if let Some(accelerator) = &args.accelerator {
        spec.machine.accelerator = word("--accelerator", accelerator)?;
    }
    spec.machine.kind = args.machine.clone().or(spec.machine.kind.take());
    spec.machine.arch = args.arch.clone().or(spec.machine.arch.take());
    Ok(())
}

/// Devices; those of the file stay, those of the flags are added.
fn devices(args: &CreateArgs, spec: &mut v1::VmSpec) -> Result {
    let given = &args.devices;
    devices::disks(given, &mut spec.disks)?;
    for network in &given.networks {
        spec.nics.push(devices::nic(network)?);
    }
    match given.graphics {
        Some(Graphics::Vnc) => spec.graphics = Some(v1::GraphicsSpec::Vnc),
        Some(Graphics::Spice) => spec.graphics = Some(v1::GraphicsSpec::Spice),
        Some(Graphics::None) => spec.graphics = None,
        None => {}
    }
    if let Some(video) = &given.video {
        spec.video = Some(word("--video", video)?);
    }
    if given.uefi || given.secure_boot {
        spec.firmware.kind = v1::FirmwareKind::Uefi;
    }
    spec.firmware.secure_boot |= given.secure_boot;
    if let Some(model) = &given.tpm {
        spec.tpm = Some(v1::TpmSpec { model: word("--tpm", model)? });
    }
    if let Some(text) = &given.watchdog {
        let (model, action) = text.split_once(':').unwrap_or((text, "reset"));
        spec.watchdog = Some(v1::WatchdogSpec {
            model: word("--watchdog", model)?,
            action: word("--watchdog", action)?,
        });
    }
    if !given.boot.is_empty() {
        spec.boot = given.boot.iter().map(|text| devices::boot(text)).collect::<Result<_>>()?;
    }
    Ok(())
}

/// Labels, description and first boot.
fn guest(args: &GuestArgs, spec: &mut v1::VmSpec) -> Result {
    for label in &args.labels {
        let (key, value) = label
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{label}` is no label; write KEY=VALUE")))?;
        spec.labels.insert(key.to_owned(), value.to_owned());
    }
    spec.description = args.description.clone().unwrap_or_else(|| spec.description.clone());
    spec.project = args.project.clone().unwrap_or_else(|| spec.project.clone());
    spec.autostart |= args.autostart;
    let is_wanted = args.cloud_init.is_some()
        || args.network_config.is_some()
        || args.hostname.is_some()
        || !args.ssh_keys.is_empty();
    if !is_wanted {
        return Ok(());
    }
    let init = spec.cloud_init.get_or_insert_default();
    if let Some(file) = &args.cloud_init {
        init.user_data = Some(read_text(file)?);
    }
    if let Some(file) = &args.network_config {
        init.network_config = Some(read_text(file)?);
    }
    init.hostname = args.hostname.clone().or(init.hostname.take());
    for file in &args.ssh_keys {
        init.ssh_keys.extend(public_keys(file)?);
    }
    if init.user_data.is_some() && !init.ssh_keys.is_empty() {
        // The document would win and the keys would be lost without a word.
        return Err(Failure::usage("--ssh-key and --cloud-init exclude each other")
            .with_hint("put the keys into the document as ssh_authorized_keys"));
    }
    Ok(())
}

/// The keys of a file; a private one is refused before it is sent anywhere.
fn public_keys(file: &Path) -> Result<Vec<String>> {
    let text = read_text(file)?;
    if text.contains("PRIVATE KEY") {
        return Err(Failure::usage(format!("{} is a private key", file.display()))
            .with_hint("give the public one, which ends in .pub"));
    }
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let keys: Vec<String> = text.lines().map(str::trim).filter(is_key).map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(Failure::usage(format!("{} holds no key", file.display())));
    }
    Ok(keys)
}

/// A document from a file or stdin, within the limit.
fn read_text(file: &Path) -> Result<String> {
    let failed = |why: String| Failure::usage(format!("cannot read {}: {why}", file.display()));
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(DOCUMENT_MAX_BYTES + 1).read_to_string(&mut text)
    } else {
        let handle = std::fs::File::open(file).map_err(|error| failed(error.to_string()))?;
        handle.take(DOCUMENT_MAX_BYTES + 1).read_to_string(&mut text)
    };
    read.map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > DOCUMENT_MAX_BYTES {
        return Err(failed(format!("it is larger than {DOCUMENT_MAX_BYTES} bytes")));
    }
    Ok(text)
}
