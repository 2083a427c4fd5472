//! Volumes that operations make for the disks of VMs. Each has a name that nothing else
//! ever has, so that making one can be repeated, and so can removing it.

use std::sync::Arc;

use hostler_core::vm::devices::{DiskSource, DiskSpec, VolumeFormat};
use hostler_core::{Code, Error};
use hostler_provider::{EnsureVolume, Group, Provider, Storage, VolumeContent, VolumeRef};

use super::{StepCx, StepError, Undo, lacks};

/// How a provider stores volumes of which nobody says how.
pub(crate) fn made_as(storage: &dyn Storage) -> VolumeFormat {
    storage.formats().first().copied().unwrap_or_default()
}

/// Makes the volume that a disk asks for, unless it is there.
pub(super) async fn make_volume(
    cx: &StepCx,
    provider: &Arc<dyn Provider>,
    disk: &DiskSpec,
    volume: &VolumeRef,
) -> Result<(), StepError> {
    let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
    let file;
    let (capacity_bytes, format, content) = match &disk.source {
        DiskSource::Empty { size_bytes, format, .. } => {
            let format = format.unwrap_or_else(|| made_as(storage));
            (*size_bytes, format, VolumeContent::Empty)
        }
        DiskSource::Image { image, size_bytes, format, .. } => {
            let image = cx.engine.image_by_name(image).await?;
            if let Some(format) = format.filter(|format| *format != image.format) {
                return Err(other_format(&image, format).into());
            }
            let capacity = size_bytes.unwrap_or(image.virtual_bytes);
            if capacity < image.virtual_bytes {
                return Err(too_small(&image, capacity).into());
            }
            file = cx.engine.open_image(&image).await?;
            (capacity, image.format, VolumeContent::Upload(&file))
        }
        DiskSource::Volume { .. } | DiskSource::NoMedia {} => return Ok(()),
    };
    let request = EnsureVolume { volume, capacity_bytes, format, content };
    cx.cx().run("make volume", storage.ensure_volume(cx.cx(), &request)).await?;
    Ok(())
}

/// Removes volumes that were made, or half made.
pub(super) async fn remove_volumes(
    cx: &StepCx,
    provider: &Arc<dyn Provider>,
    volumes: &[VolumeRef],
) -> Result<Undo, StepError> {
    let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
    let mut found = Undo::nothing();
    for volume in volumes {
        // Only for what is told. Not every half of a volume is listed, so each
        // is removed whatever the list says.
        let listing = storage.volumes(cx.cx(), &volume.host_ref, &volume.pool);
        let is_there = match cx.cx().run("list volumes", listing).await {
            Ok(listed) => listed.iter().any(|seen| seen.name == volume.name),
            Err(_) => true,
        };
        cx.cx().run("remove volume", storage.remove_volume(cx.cx(), volume)).await?;
        if is_there {
            found = Undo::removed();
        }
    }
    Ok(found)
}

fn other_format(image: &hostler_core::image::Image, wanted: VolumeFormat) -> Error {
    let message = format!(
        "image \"{}\" is {}, the disk was asked for as {}; ask for the same format",
        image.name,
        image.format.as_str(),
        wanted.as_str()
    );
    Error::new(Code::LimitExceeded, message)
}

fn too_small(image: &hostler_core::image::Image, wanted: u64) -> Error {
    let message = format!(
        "image \"{}\" has {} bytes, a disk of {wanted} bytes cannot hold it",
        image.name, image.virtual_bytes
    );
    Error::new(Code::LimitExceeded, message)
}
