//! Disks of simulated VMs that exist. The rules are in [`crate::world::disks`].

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits};
use hostler_provider::{AttachDisk, Cx, DiskHandle, DiskRef, Disks, Result, VmRef, VolumePlace};

use crate::storage::default_pool;
use crate::verb::Verb;
use crate::world::disks::{OwnedDisk, limits};
use crate::world::state::State;
use crate::{Sim, Target};

#[async_trait]
impl Disks for Sim {
    fn limits(&self) -> DiskLimits {
        limits()
    }

    async fn list_disks(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<AttachedDisk>> {
        self.call(cx, Verb::Disks, Target::Vm(vm), async {
            self.world.read(|state| Ok(state.vm(vm)?.attached(state)))
        })
        .await
    }

    async fn place_for(&self, cx: &Cx, vm: &VmRef, pool: Option<&str>) -> Result<VolumePlace> {
        self.call(cx, Verb::DefaultPool, Target::Vm(vm), async {
            self.world.read(|state| {
                let host_ref = state.vm(vm)?.host.clone();
                let pool = match pool {
                    Some(named) => state.pool(&host_ref, named).map(|_| named.to_owned())?,
                    None => default_pool(state, &host_ref)?,
                };
                Ok(VolumePlace { host_ref, pool })
            })
        })
        .await
    }

    async fn attach_disk(&self, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle> {
        let owned = OwnedDisk::of(request);
        let landing = Box::new(move |state: &mut State| {
            // Nobody hears of a refusal any more.
            drop(state.attach_disk(&owned.request()));
        });
        let effect = async { self.world.change(|state| state.attach_disk(request)) };
        self.gate(cx, Verb::AttachDisk, Target::Vm(request.vm), landing, effect).await
    }

    async fn detach_disk(&self, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()> {
        let (late_vm, late_disk) = (vm.clone(), disk.clone());
        let landing = Box::new(move |state: &mut State| {
            drop(state.detach_disk(&late_vm, &late_disk));
        });
        let effect = async {
            // A guest that does not listen holds it as long as it runs.
            self.world.wait_for(|state| state.lets_go(vm, disk).then_some(())).await;
            self.world.change(|state| state.detach_disk(vm, disk))
        };
        self.gate(cx, Verb::DetachDisk, Target::Vm(vm), landing, effect).await
    }

    async fn grow_disk(
        &self,
        cx: &Cx,
        vm: &VmRef,
        disk: &DiskRef,
        capacity_bytes: u64,
    ) -> Result<u64> {
        let (late_vm, late_disk) = (vm.clone(), disk.clone());
        let landing = Box::new(move |state: &mut State| {
            drop(state.grow_disk(&late_vm, &late_disk, capacity_bytes));
        });
        let effect = async { self.world.change(|state| state.grow_disk(vm, disk, capacity_bytes)) };
        self.gate(cx, Verb::GrowDisk, Target::Vm(vm), landing, effect).await
    }
}
