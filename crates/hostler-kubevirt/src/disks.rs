//! Disks of VMs that exist, by KubeVirt's subresources `addvolume` and `removevolume` of the
//! VM, which write the change down in it and bring it to the instance that runs.
//!
//! ```text
//!   addvolume ─► in the VM's template ─► in the instance ─► hotplug pod, node ─► Ready: attached
//!   removevolume ─► out of the template ─► out of the instance ─► guest lets go ─► detached
//! ```
//!
//! * **Names.** KubeVirt removes volumes by name, and a request that comes late meets
//!   whatever bears the name by then. So the name of what is added here ends with our mark,
//!   which nothing else ever has (F30); the name that people gave is what is before it, and
//!   the serial number that the guest sees.
//! * **What was not plugged in stays**: KubeVirt removes hotpluggable volumes only.
//! * **A gate.** `DeclarativeHotplugVolumes`, or `HotplugVolumes` before it; a closed one is
//!   told with the remedy.

mod names;
mod plug;

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits, DiskState};
use hostler_core::vm::check::DEVICES_MAX;
use hostler_core::vm::devices::{CacheMode, DiskBus};
use hostler_provider::{
    AttachDisk, Cx, DiskHandle, DiskRef, Disks, Error, Kind, Result, VmRef, VolumePlace,
};

use crate::link::without_effect;
use crate::provider::KubeVirt;
use crate::storage::{FORMATS, Pool};
use names::name_of;
pub(crate) use names::{asked_name, plain_name};
use plug::Plug;

/// What can be done with KubeVirt's disks. Virtio can be plugged in by newer versions only,
/// which are not told apart here. A VM that is off is asked by the same verb.
fn limits() -> DiskLimits {
    DiskLimits {
        live_buses: vec![DiskBus::Scsi],
        live_cdrom: false,
        offline: true,
        offline_buses: vec![DiskBus::Scsi],
        offline_cdrom: false,
        max_per_vm: u32::try_from(DEVICES_MAX).unwrap_or(u32::MAX),
        formats: FORMATS.to_vec(),
        images: false,
        caches: vec![CacheMode::None, CacheMode::Writethrough, CacheMode::Writeback],
        // What a guest discards is always freed.
        discard: true,
        shares: false,
    }
}

#[async_trait]
impl Disks for KubeVirt {
    fn limits(&self) -> DiskLimits {
        limits()
    }

    async fn list_disks(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<AttachedDisk>> {
        let doing = format!("cannot list disks of {vm}");
        let listed = cx.run(&doing, async {
            let plug = Plug::begin(self, cx, vm, doing.clone()).await?;
            plug.all_with_places().await
        });
        listed.await.map_err(without_effect)
    }

    async fn place_for(&self, cx: &Cx, vm: &VmRef, pool: Option<&str>) -> Result<VolumePlace> {
        let doing = format!("cannot find a place for a volume of {vm}");
        let found = cx.run(&doing, async {
            let plug = Plug::begin(self, cx, vm, doing.clone()).await?;
            let pool = match pool {
                Some(named) => Pool::named(named)?,
                None => Pool {
                    namespace: plug.namespace().to_owned(),
                    class: self.default_class(cx, plug.caller()).await?,
                },
            };
            if pool.namespace != plug.namespace() {
                let what = format!(
                    "the VM is in namespace {}, and reaches no claims of {}; name a pool {}.CLASS",
                    plug.namespace(),
                    pool.namespace,
                    plug.namespace()
                );
                return Err(plug.error(Kind::Invalid, &what));
            }
            // Claims are of no host; this one stands for all.
            let host_ref = plug.seen.vm.host_ref.clone().unwrap_or_default();
            Ok(VolumePlace { host_ref, pool: pool.to_string() })
        });
        found.await.map_err(without_effect)
    }

    async fn attach_disk(&self, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle> {
        let doing = format!("cannot add disk \"{}\" to {}", request.disk.name, request.vm);
        let plug = Plug::begin(self, cx, request.vm, doing).await?;
        let all = plug.all().await?;
        let claim = &request.volume.name;
        let source = plug.source_of(claim);
        let is_it = |seen: &&AttachedDisk| {
            seen.mark.as_ref() == Some(request.mark)
                || (seen.name == request.disk.name && seen.source.as_ref() == Some(&source))
        };
        let there = all.iter().find(is_it).filter(|seen| seen.state != DiskState::Detaching);
        if let Some(there) = there {
            let disk = plug.until_attached(&there.external_ref).await?;
            return Ok(DiskHandle { disk, created: false });
        }
        plug.may_be_added(request, &all).await?;
        let name = name_of(&request.disk.name, request.mark);
        let created = plug.add(request, &name).await?;
        let disk = plug.until_attached(&name).await?;
        Ok(DiskHandle { disk, created })
    }

    async fn detach_disk(&self, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()> {
        let doing = format!("cannot take disk {disk} off {vm}");
        let plug = match Plug::begin(self, cx, vm, doing).await {
            // With the VM went its disks.
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            begun => begun?,
        };
        let Some(seen) = plug.find(disk).await? else { return Ok(()) };
        if let Some(why) = &seen.fixed {
            return Err(plug.error(Kind::Conflict, why));
        }
        if seen.state != DiskState::Detaching {
            plug.remove(disk).await?;
        }
        plug.until_detached(disk).await
    }
}

/// An error of the limits as callers are told it.
fn refused(denial: hostler_core::vm::Denial) -> Error {
    let kind = match denial.code {
        hostler_core::Code::VmWrongState => Kind::Conflict,
        _ => Kind::Unsupported,
    };
    Error::new(kind, denial.message).with_code(denial.code)
}
