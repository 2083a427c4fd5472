//! Lies about disks.

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits};
use hostler_provider::{
    AttachDisk, Cx, DiskHandle, DiskRef, Disks, Kind, Result, Storage, VmRef, VolumePlace,
    VolumeRef,
};

use super::{Liar, Lie, are_caught};

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

    async fn grow_disk(
        &self,
        cx: &Cx,
        vm: &VmRef,
        disk: &DiskRef,
        capacity_bytes: u64,
    ) -> Result<u64> {
        match self.lie {
            Lie::TakesAtItsWord => Ok(capacity_bytes),
            Lie::GrowsTheNewer => {
                let seen = self.sim.list_disks(cx, vm).await?;
                let named = seen.iter().find(|seen| seen.name == disk.name);
                let meant = named.or(seen.first()).map_or_else(|| disk.clone(), DiskRef::of);
                self.sim.grow_disk(cx, vm, &meant, capacity_bytes).await
            }
            _ => self.sim.grow_disk(cx, vm, disk, capacity_bytes).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_lie_about_disks_is_caught_by_the_promise_it_breaks() {
    are_caught(&[
        (Lie::AddsTwice, "attach_twice_adds_one_disk"),
        (Lie::IsTooSure, "a_look_after_a_cancelled_attach_tells_the_truth"),
        (Lie::TakesTheNewer, "detach_leaves_a_newer_disk_of_that_name_alone"),
        (Lie::LetsGoTooSoon, "a_guest_that_does_not_give_it_up_is_told"),
        (Lie::RemovesItsVolume, "detach_takes_it_off_and_leaves_its_volume"),
        (Lie::TakesAtItsWord, "a_disk_of_a_stopped_vm_grows_and_never_shrinks"),
        (Lie::GrowsTheNewer, "growing_what_is_not_there_is_not_found"),
        (Lie::TellsMarks, "a_revert_tells_an_added_disk_by_the_name_it_was_asked_for"),
        (Lie::TellsMarks, "a_revert_to_before_a_disk_was_taken_off_tells_it_by_its_name"),
        (Lie::TellsMarks, "a_clone_of_a_vm_with_an_added_disk_has_it_by_its_name"),
        (Lie::MakesTwice, "a_volume_that_a_vm_has_makes_no_second_vm"),
        (Lie::RemovesUsed, "a_volume_of_a_stopped_vm_is_a_conflict"),
    ])
    .await;
}
