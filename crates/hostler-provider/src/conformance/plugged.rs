//! More promises of [`crate::Disks`]: what its limits say holds for whoever believes them.

use hostler_core::vm::devices::{CacheMode, DiskBus, DiskDevice, DiskSpec, VolumeFormat};

use super::disks::{lacks, mark, off, volume};
use super::trial::{Check, Trial, check, disk, refused, skip};
use crate::{AttachDisk, EnsureVolume, Kind, VolumeContent};

/// The size of each volume.
const BYTES: u64 = 1 << 20;

pub(super) async fn volumes_are_made_in_the_formats_of_the_limits_and_no_other(
    t: &Trial<'_>,
) -> Check {
    let (storage, formats) = (t.storage()?, t.disks()?.limits().formats);
    check(!formats.is_empty(), || "it names no format".to_owned())?;
    for format in [VolumeFormat::Raw, VolumeFormat::Qcow2] {
        let volume = &t.volume().await?;
        let content = VolumeContent::Empty;
        let request = EnsureVolume { volume, capacity_bytes: BYTES, format, content };
        let made = storage.ensure_volume(&t.cx(), &request).await;
        match formats.contains(&format) {
            true => drop(made?),
            false => drop(refused(made, &[Kind::Unsupported])?),
        }
    }
    Ok(())
}

pub(super) async fn what_limits_exclude_is_refused_of_a_stopped_vm(t: &Trial<'_>) -> Check {
    let (made, volume) = (off(t).await?, volume(t).await?);
    let limits = t.disks()?.limits();
    let plain = disk("data", &volume);
    let buses = [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata, DiskBus::Ide, DiskBus::Usb];
    let buses = buses.into_iter().filter(|bus| !limits.offline_buses.contains(bus));
    let caches = CacheMode::ALL.into_iter().filter(|cache| !limits.caches.contains(cache));
    let drive = (!limits.offline_cdrom).then(|| DiskSpec {
        device: DiskDevice::Cdrom,
        read_only: true,
        ..plain.clone()
    });
    let excluded: Vec<_> = buses
        .map(|bus| DiskSpec { bus: Some(bus), ..plain.clone() })
        .chain(caches.map(|cache| DiskSpec { cache: Some(cache), ..plain.clone() }))
        .chain((!limits.discard).then(|| DiskSpec { discard: true, ..plain.clone() }))
        .chain(drive)
        .collect();
    if excluded.is_empty() {
        return skip("its limits exclude nothing");
    }
    for disk in &excluded {
        let request = AttachDisk { mark: &mark(t), vm: &made.vm, disk, volume: &volume };
        let added = t.disks()?.attach_disk(&t.cx(), &request).await;
        let error = refused(added, &[Kind::Unsupported])?;
        check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
        lacks(t, &made, "data").await?;
    }
    Ok(())
}
