//! What making a VM would change, in lines for people.

use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskSource, VolumeFormat};

/// What would be there afterwards, a line each.
/// `format`: how volumes are stored of which nobody says how.
pub(super) fn changes(spec: &VmSpec, host: &str, format: VolumeFormat, start: bool) -> Vec<String> {
    let stored = |asked: &Option<VolumeFormat>| asked.unwrap_or(format).as_str();
    let of = [(&spec.instance_type, "of instance type"), (&spec.preference, "by preference")];
    let of =
        of.iter().filter_map(|(named, word)| Some(format!(", {word} \"{}\"", named.as_ref()?)));
    let mut lines = vec![format!(
        "+ VM \"{}\" on host {host}: {} CPUs, {} MiB of memory{}",
        spec.name,
        spec.cpu.count,
        spec.memory.bytes >> 20,
        of.collect::<String>()
    )];
    for disk in &spec.disks {
        lines.push(match &disk.source {
            DiskSource::Empty { size_bytes, format, .. } => format!(
                "+ volume for disk \"{}\": {} MiB, empty, {}",
                disk.name,
                size_bytes >> 20,
                stored(format)
            ),
            DiskSource::Image { image, format, .. } => format!(
                "+ volume for disk \"{}\": a copy of image \"{image}\", {}",
                disk.name,
                stored(format)
            ),
            DiskSource::Volume { pool, volume } => {
                format!("~ disk \"{}\" uses the volume {pool}/{volume}", disk.name)
            }
            DiskSource::NoMedia {} => format!("+ drive \"{}\", empty", disk.name),
        });
    }
    if spec.cloud_init.is_some() {
        lines.push("+ volume with the cloud-init seed".to_owned());
    }
    if start {
        lines.push("~ the VM is started".to_owned());
    }
    lines
}
