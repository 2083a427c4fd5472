//! Lies about clones.

use async_trait::async_trait;
use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;
use hostler_provider::{CloneHandle, Clones, Cx, EnsureClone, Result};

use super::{Liar, Lie};
use crate::support::NOW;

#[async_trait]
impl Clones for Liar {
    fn limits(&self) -> CloneLimits {
        Clones::limits(&self.sim)
    }

    async fn ensure_clone(&self, cx: &Cx, request: &EnsureClone<'_>) -> Result<CloneHandle> {
        let world = self.sim.world();
        if self.tells(Lie::ClonesTwice) {
            let count = world.census().vms.len();
            let vm = VmId::new(NOW, [u8::try_from(count).unwrap(); 10]);
            let name = format!("{}-{count}", request.name);
            return self.sim.ensure_clone(cx, &EnsureClone { vm, name: &name, ..*request }).await;
        }
        let made = self.sim.ensure_clone(cx, request).await;
        let mut handle = made.map_err(|error| self.too_sure(error))?;
        if self.tells(Lie::SharesDisks) {
            let source = world.vm_named(&request.source.name).unwrap();
            for (disk, volume) in handle.disks.iter_mut().zip(source.volumes) {
                disk.volume = volume;
            }
        }
        if self.tells(Lie::TellsMarks) {
            handle.disks.iter_mut().for_each(|bound| bound.disk.push_str("-5f6a7b8c9d0e"));
        }
        if self.tells(Lie::StartsClones) {
            hostler_provider::Power::start(&self.sim, cx, &handle.vm).await?;
        }
        Ok(handle)
    }

    async fn remove_clone(&self, cx: &Cx, vm: VmId) -> Result<bool> {
        let world = self.sim.world();
        match self.lie {
            Lie::RemovesRunning => {
                let found = world.vm_of(vm);
                found.iter().for_each(|record| world.vanish_vm(&record.vm));
                Ok(found.is_some())
            }
            Lie::RemovesNothing => Ok(true),
            _ => self.sim.remove_clone(cx, vm).await,
        }
    }
}
