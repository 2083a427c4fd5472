//! Disks of a VM, each with its volume: told without what is secret in it.

use std::collections::BTreeSet;

use hostler_core::Fact;
use hostler_core::vm::observed::ObservedDisk;

use super::resources::View;
use super::{MappedClaim, Surroundings, message};
use crate::objects::VolumeStatus;
use crate::objects::domain::{Disk, Volume};
use crate::objects::part::Many;
use crate::quantity::Quantity;

/// A volume of a VM, with what the cluster tells of it beyond the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedVolume {
    /// Its name within the VM; the disk made of it has the same.
    pub name: String,
    /// What it is: `persistentVolumeClaim`, `dataVolume`, `containerDisk` …,
    /// as KubeVirt says; `unknown` for kinds that this driver does not know.
    pub kind: &'static str,
    /// Where its bytes are, in the form of [`ObservedDisk::source`].
    pub source: Option<String>,
    /// The claim in the VM's namespace that holds it, where one does.
    pub claim: Option<String>,
    /// The device that the guest sees, for example `vda`; only while it runs.
    pub guest_device: Option<String>,
    /// How far it has come, as KubeVirt says: `Ready`, `Pending`, `AttachedToNode` …
    pub phase: Option<String>,
    /// What the cluster says of it.
    pub message: Option<String>,
    /// Whether it was plugged in while the VM ran.
    pub is_hotplugged: bool,
}

/// What a volume is made of.
struct Origin {
    kind: &'static str,
    source: Option<String>,
    claim: Option<String>,
    /// The size that the guest sees, where the volume itself tells it.
    capacity: Option<Quantity>,
    read_only: bool,
}

/// The volume's source: an URL without secrets. Of volumes that hold secrets
/// only that they are there, and the name of what they come from, is known.
fn origin(volume: &Volume, namespace: &str) -> Origin {
    let plain = |kind, source: Option<String>| Origin {
        kind,
        source,
        claim: None,
        capacity: None,
        read_only: false,
    };
    let claim = |kind, name: Option<String>, read_only| Origin {
        source: name.as_ref().map(|name| format!("pvc://{namespace}/{name}")),
        claim: name,
        read_only,
        ..plain(kind, None)
    };
    if let Some(pvc) = volume.persistent_volume_claim.as_ref() {
        return claim("persistentVolumeClaim", pvc.claim_name.owned(), pvc.read_only.is_true());
    }
    if let Some(data) = volume.data_volume.as_ref() {
        // The claim that a data volume fills has its name.
        return claim("dataVolume", data.name.owned(), false);
    }
    if let Some(ephemeral) = volume.ephemeral.as_ref() {
        return claim("ephemeral", ephemeral.persistent_volume_claim.claim_name.owned(), false);
    }
    if let Some(dump) = volume.memory_dump.as_ref() {
        return claim("memoryDump", dump.claim_name.owned(), true);
    }
    if let Some(disk) = volume.container_disk.as_ref() {
        let source = disk.image.text().map(|image| format!("image://{image}"));
        return plain("containerDisk", source);
    }
    if let Some(empty) = volume.empty_disk.as_ref() {
        return Origin { capacity: *empty.capacity, ..plain("emptyDisk", None) };
    }
    if let Some(host) = volume.host_disk.as_ref() {
        return Origin { capacity: *host.capacity, ..plain("hostDisk", host.path.owned()) };
    }
    let named =
        |scheme: &str, name: Option<&str>| name.map(|n| format!("{scheme}://{namespace}/{n}"));
    if let Some(map) = volume.config_map.as_ref() {
        return plain("configMap", named("configmap", map.name.text()));
    }
    if let Some(secret) = volume.secret.as_ref() {
        return plain("secret", named("secret", secret.secret_name.text()));
    }
    let kinds = [
        ("cloudInitNoCloud", volume.cloud_init_no_cloud.is_some()),
        ("cloudInitConfigDrive", volume.cloud_init_config_drive.is_some()),
        ("sysprep", volume.sysprep.is_some()),
        ("serviceAccount", volume.service_account.is_some()),
        ("downwardAPI", volume.downward_api.is_some()),
        ("downwardMetrics", volume.downward_metrics.is_some()),
    ];
    let kind = kinds.iter().find(|(_, is_it)| *is_it).map_or("unknown", |(kind, _)| kind);
    plain(kind, None)
}

/// Whether the VM can be told to have these volumes beside its disks.
fn hotpluggable(volume: &Volume) -> bool {
    volume.persistent_volume_claim.as_ref().is_some_and(|pvc| pvc.hotpluggable.is_true())
        || volume.data_volume.as_ref().is_some_and(|data| data.hotpluggable.is_true())
}

/// All volumes of a VM.
pub(super) fn volumes(view: &View<'_>, namespace: &str) -> Vec<MappedVolume> {
    let Some(spec) = view.spec else { return Vec::new() };
    let volume = |volume: &Volume| {
        let name = volume.name.owned()?;
        let origin = origin(volume, namespace);
        let status = status(view, &name);
        Some(MappedVolume {
            kind: origin.kind,
            source: origin.source,
            claim: origin.claim,
            guest_device: status.and_then(|status| status.target.owned()),
            phase: status.and_then(|status| status.phase.owned()),
            message: status.and_then(|status| status.message.text()).map(message),
            is_hotplugged: hotpluggable(volume)
                || status.is_some_and(|status| status.hotplug_volume.is_some()),
            name,
        })
    };
    spec.volumes.iter().filter_map(volume).collect()
}

fn status<'a>(view: &View<'a>, name: &str) -> Option<&'a VolumeStatus> {
    view.vmi?.status.volume_status.iter().find(|status| status.name.text() == Some(name))
}

/// All disks of a VM. Partial where some of them could not be read.
pub(super) fn disks(
    view: &View<'_>,
    namespace: &str,
    around: &Surroundings,
) -> Fact<Vec<ObservedDisk>> {
    let devices = view.domain().and_then(|domain| domain.devices.as_ref());
    let (Some(spec), Some(devices)) = (view.spec, devices) else {
        return Fact::unavailable(view.source(), "its devices are not told");
    };
    let volume_of = |name: &str| spec.volumes.iter().find(|v| v.name.text() == Some(name));
    let mut nameless = 0;
    let mut found = Vec::new();
    let mut taken: BTreeSet<&str> =
        devices.filesystems.iter().filter_map(|filesystem| filesystem.name.text()).collect();
    for disk in devices.disks.iter() {
        let Some(name) = disk.name.text() else {
            nameless += 1;
            continue;
        };
        taken.insert(name);
        found.push(observed(view, namespace, around, name, Some(disk), volume_of(name)));
    }
    // A volume that no device names gets a disk when the VM starts.
    for volume in spec.volumes.iter().filter(|volume| volume.memory_dump.is_none()) {
        if let Some(name) = volume.name.text().filter(|name| !taken.contains(name)) {
            found.push(observed(view, namespace, around, name, None, Some(volume)));
        }
    }
    let unread = unread(&devices.disks) + unread(&spec.volumes) + nameless;
    if unread == 0 {
        return Fact::seen(found, view.source(), view.at);
    }
    let reason = format!("{unread} of its disks or volumes could not be read");
    Fact::partial(found, view.source(), view.at, reason)
}

fn unread<T>(list: &Many<T>) -> usize {
    list.unreadable()
}

fn observed(
    view: &View<'_>,
    namespace: &str,
    around: &Surroundings,
    name: &str,
    disk: Option<&Disk>,
    volume: Option<&Volume>,
) -> ObservedDisk {
    let (device, target) = match disk {
        Some(disk) if disk.cdrom.is_some() => ("cdrom", disk.cdrom.as_ref()),
        Some(disk) if disk.lun.is_some() => ("lun", disk.lun.as_ref()),
        Some(disk) => ("disk", disk.disk.as_ref()),
        None => ("disk", None),
    };
    let origin = volume.map(|volume| origin(volume, namespace));
    let read_only = match target.and_then(|target| *target.readonly) {
        Some(read_only) => read_only,
        // Optical drives are read-only unless they say otherwise.
        None => device == "cdrom",
    };
    let capacity =
        origin.as_ref().and_then(|origin| capacity(view, namespace, around, name, origin));
    ObservedDisk {
        target: name.to_owned(),
        device: device.to_owned(),
        bus: target.and_then(|target| target.bus.owned()),
        read_only: read_only || origin.as_ref().is_some_and(|origin| origin.read_only),
        source: origin.and_then(|origin| origin.source),
        format: None,
        capacity_bytes: capacity.and_then(Quantity::round_up),
    }
}

/// The size that the guest sees. A claim tells it only where it is a block
/// device: in a file system a part of it is set aside.
fn capacity(
    view: &View<'_>,
    namespace: &str,
    around: &Surroundings,
    name: &str,
    origin: &Origin,
) -> Option<Quantity> {
    if origin.capacity.is_some() {
        return origin.capacity;
    }
    if let Some(info) = status(view, name).map(|status| &status.persistent_volume_claim_info)
        && info.volume_mode.text() == Some("Block")
    {
        return info.capacity.get("storage").copied();
    }
    let key = (namespace.to_owned(), origin.claim.clone()?);
    around.claims.get(&key).filter(|claim| claim.is_block == Some(true)).and_then(held)
}

fn held(claim: &MappedClaim) -> Option<Quantity> {
    let bytes = *claim.capacity_bytes.value()?;
    Some(Quantity::from_billionths(i128::from(bytes) * 1_000_000_000))
}
