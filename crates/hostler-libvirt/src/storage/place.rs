//! How a domain refers to a volume, and whether it may.
//!
//! Whoever had a raw disk could write into it what looks like another format
//! with a file of the host behind it. libvirt guesses a volume's format by its
//! bytes whenever it reads the pool, so its word is only what the bytes are held
//! against here: a volume that would have the hypervisor open anything but
//! itself is no VM's disk (A4–A7).
//!
//! ```text
//!   used by a VM? ──yes──► conflict          (it could be written to meanwhile)
//!        │ no
//!   first bytes ──name other files, or are not what the pool says──► refused
//!        │ are what the pool says
//!   format as judged, chain ended ──► the domain's document
//! ```

use hostler_core::Code;
use hostler_core::image::inspect::{HEADER_BYTES, inspect_volume};
use hostler_core::vm::devices::VolumeFormat;
use hostler_libvirt_rpc::{StoragePool, StorageVol, StreamOptions};
use hostler_provider::{Cx, Error, Kind, Result, VolumeRef};

use super::MARKER;
use super::chains::Chains;
use super::users::Sharing;
use crate::connection::Link;
use crate::xml::domain::files::DiskFile;
use crate::xml::domain::{Place, Placed};
use crate::xml::volume::Volume;

impl Link {
    /// A volume that we made and that no guest had yet, in the format that it
    /// was made in.
    pub(crate) async fn place(
        &self,
        cx: &Cx,
        volume: &VolumeRef,
        format: VolumeFormat,
    ) -> Result<Placed> {
        let (_, _, read) = self.whole(cx, volume).await?;
        Ok(Placed { place: place_of(volume, read), format })
    }

    /// A volume that anybody may have made and written to, for a disk that
    /// `reads` only, or also writes.
    pub(crate) async fn place_given(
        &self,
        cx: &Cx,
        volume: &VolumeRef,
        reads: bool,
    ) -> Result<Placed> {
        let (pool, found, read) = self.whole(cx, volume).await?;
        let doing = format!("cannot use the volume {volume}");
        // First who could still write to it, then what is written there.
        let sharing = if reads { Sharing::Readers } else { Sharing::Nobody };
        self.refuse_users(cx, &doing, &read.names(&pool.name), sharing).await?;
        let format = self.judge(cx, &found, &read, &doing).await?;
        Ok(Placed { place: place_of(volume, read), format })
    }

    /// A volume that is there and was filled to its end.
    async fn whole(
        &self,
        cx: &Cx,
        volume: &VolumeRef,
    ) -> Result<(StoragePool, StorageVol, Volume)> {
        let pool = self.pool_named(cx, &volume.pool).await?;
        let missing =
            || Error::new(Kind::Invalid, format!("there is no volume {volume} on the host"));
        let found = self.find_volume(cx, &pool, &volume.name).await?.ok_or_else(missing)?;
        if self.find_volume(cx, &pool, &format!("{}{MARKER}", volume.name)).await?.is_some() {
            let message = format!("the volume {volume} was never filled to its end");
            return Err(Error::new(Kind::Conflict, message));
        }
        let read = self.volume(cx, &found).await?;
        Ok((pool, found, read))
    }

    /// The format of a volume; refuses one that reads from anything but itself.
    pub(super) async fn judge(
        &self,
        cx: &Cx,
        volume: &StorageVol,
        read: &Volume,
        doing: &str,
    ) -> Result<VolumeFormat> {
        let declared = declared(read, doing)?;
        if read.backing.is_some() {
            return Err(unsafe_volume(doing, "it has a backing file, which is another file"));
        }
        let header = match self.header(cx, volume, doing).await {
            // Some pools let nobody read. Plain bytes are never interpreted, so
            // there nothing can be wrong with them.
            Err(error) if error.kind() == Kind::Unsupported && declared == VolumeFormat::Raw => {
                return Ok(declared);
            }
            header => header?,
        };
        inspect_volume(declared, &header).map_err(|bad| unsafe_volume(doing, bad))?;
        Ok(declared)
    }

    /// The format of a VM's disk that is to be copied with all that it lies on. The pool's word for
    /// the disk has to be the VM's own; the same for the lowest file, whose bytes are looked at
    /// where somebody's guess could count. What lies on another file was laid there by the
    /// hypervisor, and has to say how that is to be read, and that has to be in a pool.
    pub(crate) async fn judge_chain(
        &self,
        cx: &Cx,
        chains: &Chains,
        disk: &DiskFile,
        doing: &str,
    ) -> Result<VolumeFormat> {
        let doing = &format!("{doing}: disk {}", disk.name);
        let missing = |path: &str| {
            let message = format!("{doing}: the file {path} is in no pool that is active");
            Error::new(Kind::Conflict, message)
        };
        let chain = chains.of_disk(&disk.path, &disk.format);
        let top = chains.get(&disk.path).ok_or_else(|| missing(&disk.path))?;
        let format = declared(&top.read, doing)?;
        if format.as_str() != disk.format {
            let why = format!("the VM has it as {}, and it begins like another", disk.format);
            return Err(unsafe_volume(doing, why));
        }
        for (path, format) in &chain {
            let filed = chains.get(path).ok_or_else(|| missing(path))?;
            let is_overlay = filed.read.backing.is_some() && format != "raw";
            if is_overlay && filed.read.backing_format.is_none() {
                return Err(unsafe_volume(doing, "it does not say how what it lies on is read"));
            }
            if !is_overlay && (format == "qcow2" || chain.len() == 1) {
                self.judge(cx, &filed.volume, &filed.read, doing).await?;
            }
        }
        Ok(format)
    }

    /// The first bytes of a volume, or all of a shorter one. What is read so holds up no other
    /// calls, unlike what is sent.
    async fn header(&self, cx: &Cx, volume: &StorageVol, doing: &str) -> Result<Vec<u8>> {
        self.look(cx, doing, |c| async move {
            let options = StreamOptions::default();
            let length = HEADER_BYTES as u64;
            let stream = c.storage_vol_download(volume, 0, length, 0, options).await?;
            let bytes = stream.read_to_end(HEADER_BYTES).await?;
            // Only the daemon's confirmation says that there were no more.
            stream.finish().await?;
            Ok(bytes)
        })
        .await
    }
}

/// A refusal that nothing but other bytes in the volume changes.
pub(super) fn unsafe_volume(doing: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Invalid, format!("{doing}: {why}")).with_code(Code::ImageUnsafe)
}

/// What the pool takes it for. Disks are qcow2 or plain bytes to us; an ISO
/// image is plain bytes.
fn declared(read: &Volume, doing: &str) -> Result<VolumeFormat> {
    match read.format.as_deref() {
        Some("qcow2") => Ok(VolumeFormat::Qcow2),
        Some("raw" | "iso") | None => Ok(VolumeFormat::Raw),
        Some(other) => {
            let message =
                format!("{doing}: it is stored as {other}, which VMs made by us cannot use");
            Err(Error::new(Kind::Unsupported, message))
        }
    }
}

fn place_of(volume: &VolumeRef, read: Volume) -> Place {
    match (read.kind.as_deref(), read.path) {
        (Some("file"), Some(path)) => Place::File(path),
        (Some("block"), Some(path)) => Place::Block(path),
        _ => Place::Volume { pool: volume.pool.clone(), volume: volume.name.clone() },
    }
}
