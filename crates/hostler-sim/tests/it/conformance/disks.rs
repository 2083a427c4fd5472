//! Lies about disks.

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits};
use hostler_provider::{
    AttachDisk, Cx, DiskHandle, DiskRef, Disks, Kind, Result, Storage, VmRef, VolumePlace,
    VolumeRef,
};

use super::{Liar, Lie};

#[async_trait]
impl Disks for Liar {
    fn limits(&self) -> DiskLimits {
        self.sim.limits()
    }

    async fn list_disks(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<AttachedDisk>> {
        self.sim.list_disks(cx, vm).await
    }

    async fn place_for(&self, cx: &Cx, vm: &VmRef, pool: Option<&str>) -> Result<VolumePlace> {
        self.sim.place_for(cx, vm, pool).await
    }

    async fn attach_disk(&self, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle> {
        let mut disk = request.disk.clone();
        if self.tells(Lie::AddsTwice) {
            let count = self.sim.list_disks(cx, request.vm).await?.len();
            disk.name = format!("{}-{count}", disk.name);
        }
        let request = AttachDisk { disk: &disk, ..request.clone() };
        self.sim.attach_disk(cx, &request).await.map_err(|error| self.too_sure(error))
    }

    async fn detach_disk(&self, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()> {
        match self.lie {
            Lie::TakesTheNewer => {
                for seen in self.sim.list_disks(cx, vm).await? {
                    if seen.name == disk.name {
                        self.sim.detach_disk(cx, vm, &DiskRef::of(&seen)).await?;
                    }
                }
                Ok(())
            }
            Lie::LetsGoTooSoon => match self.sim.detach_disk(cx, vm, disk).await {
                Err(error) if error.kind() == Kind::Timeout => Ok(()),
                ended => ended,
            },
            Lie::RemovesItsVolume => {
                self.sim.detach_disk(cx, vm, disk).await?;
                let at = disk.bytes.as_deref().and_then(|bytes| bytes.split_once('/'));
                let Some((pool, name)) = at else { return Ok(()) };
                let (pool, name) = (pool.to_owned(), name.to_owned());
                let volume = VolumeRef { host_ref: "h1".to_owned(), pool, name };
                self.sim.remove_volume(cx, &volume).await
            }
            _ => self.sim.detach_disk(cx, vm, disk).await,
        }
    }
}
