//! Disks of domains that exist: adding and taking them off, in what runs and in the
//! definition for the next start alike.
//!
//! ```text
//!            what runs   next start   told as
//!               yes         yes       attached
//!               no          yes       attaching: it is had from the next start on
//!               yes         no        detaching: the guest was asked, and keeps it
//!               no          no        gone
//! ```
//!
//! Both documents are read each time, so what is told outlives this process: nothing about a
//! disk is remembered here. How an attachment is told from others is said in [`alias`].

mod alias;
mod look;
mod plug;
mod unplug;

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits};
use hostler_core::vm::check::DEVICES_MAX;
use hostler_core::vm::devices::{CacheMode, DiskBus};
use hostler_provider::{
    AttachDisk, Cx, DiskHandle, DiskRef, Disks, Result, Storage, VmRef, VolumePlace,
};

use crate::Libvirt;
use crate::connection::domain_of;
use crate::inventory::present;
use crate::storage::FORMATS;

/// What QEMU can plug in and take off while a guest runs. SATA and IDE have no such thing.
const LIVE_BUSES: [DiskBus; 3] = [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Usb];

/// What libvirt can do, whichever domain it is.
pub(crate) fn limits() -> DiskLimits {
    DiskLimits {
        live_buses: LIVE_BUSES.to_vec(),
        live_cdrom: true,
        offline: true,
        // Which of them a machine has is its own matter: IDE is refused where it has none.
        offline_buses: vec![
            DiskBus::Virtio,
            DiskBus::Scsi,
            DiskBus::Sata,
            DiskBus::Usb,
            DiskBus::Ide,
        ],
        offline_cdrom: true,
        max_per_vm: u32::try_from(DEVICES_MAX).unwrap_or(u32::MAX),
        formats: FORMATS.to_vec(),
        images: true,
        caches: CacheMode::ALL.to_vec(),
        discard: true,
        shares: false,
    }
}

#[async_trait]
impl Disks for Libvirt {
    fn limits(&self) -> DiskLimits {
        limits()
    }

    async fn list_disks(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<AttachedDisk>> {
        let doing = format!("cannot list the disks of {vm}");
        let look = self.link.look_at_disks(cx, &doing, vm).await?;
        self.link.with_volumes(cx, &doing, look.seen()).await
    }

    async fn place_for(&self, cx: &Cx, vm: &VmRef, pool: Option<&str>) -> Result<VolumePlace> {
        let doing = format!("cannot choose a pool for {vm}");
        let domain = domain_of(vm)?;
        self.link
            .look(cx, &doing, |c| async move { c.domain_lookup_by_uuid(domain.uuid).await })
            .await?;
        let host_ref = self.link.host(cx).await?.reference.clone();
        let pool = match pool {
            Some(named) => self.link.pool_named(cx, named).await?.name,
            None => self.default_pool(cx, &host_ref).await?,
        };
        Ok(VolumePlace { host_ref, pool })
    }

    async fn attach_disk(&self, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle> {
        plug::attach(&self.link, cx, request).await
    }

    async fn detach_disk(&self, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()> {
        if present(domain_of(vm))?.is_none() {
            return Ok(());
        }
        unplug::detach(&self.link, cx, vm, disk).await
    }
}
