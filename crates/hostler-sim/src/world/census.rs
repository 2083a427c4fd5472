//! Looking at a world from above, as no driver can: what exists, for whom, and
//! what should not. Tests end with it.

use std::collections::BTreeMap;

use hostler_core::id::{SnapshotId, VmId};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{VmRef, VolumeRef};

use super::World;

/// Everything that exists, whether or not its host answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// The VMs, by name.
    pub vms: Vec<VmRecord>,
    /// The volumes, by host, pool and name.
    pub volumes: Vec<VolumeRecord>,
}

/// A VM that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmRecord {
    /// The VM.
    pub vm: VmRef,
    /// The host it is on.
    pub host: String,
    /// The id it is tagged with, if it is ours.
    pub tag: Option<VmId>,
    /// What it is doing.
    pub power: PowerState,
    /// Why.
    pub reason: String,
    /// The volumes it refers to.
    pub volumes: Vec<VolumeRef>,
    /// The names of its disks.
    pub disks: Vec<String>,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<SnapshotRecord>,
    /// How often it was put back to one.
    pub reverts: u64,
    /// What it is, or becomes when it is off.
    pub spec: VmSpec,
}

/// A snapshot that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// Its name.
    pub name: String,
    /// The id it is tagged with, if it is ours.
    pub tag: Option<SnapshotId>,
}

/// A volume that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRecord {
    /// The volume.
    pub volume: VolumeRef,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// FNV-1a of the bytes written into it, to show that they did not change.
    pub checksum: u64,
    /// Whether filling it came to its end.
    pub is_complete: bool,
    /// Whether it was put there by [`World::add_volume`].
    pub is_foreign: bool,
    /// The VMs that refer to it.
    pub used_by: Vec<VmRef>,
}

impl World {
    /// Everything that exists.
    pub fn census(&self) -> Census {
        self.read(|state| {
            let record = |vm: &super::vm::Vm| VmRecord {
                vm: vm.vm_ref(),
                host: vm.host.clone(),
                tag: vm.tag,
                power: vm.power,
                reason: vm.reason.clone(),
                volumes: vm.volumes().map(|volume| state.at_home(volume)).collect(),
                disks: vm.spec.disks.iter().map(|disk| disk.name.clone()).collect(),
                snapshots: vm.snapshots.records(),
                reverts: vm.snapshots.reverts(),
                spec: vm.defined().clone(),
            };
            let mut vms: Vec<_> = state.vms.values().map(record).collect();
            vms.sort_by(|a, b| a.vm.name.cmp(&b.vm.name));
            let mut volumes = Vec::new();
            for ((host_ref, pool_name), pool) in &state.pools {
                for (name, volume) in &pool.volumes {
                    let (host_ref, pool, name) =
                        (host_ref.clone(), pool_name.clone(), name.clone());
                    let place = VolumeRef { host_ref, pool, name };
                    let users = vms.iter().filter(|vm| vm.volumes.contains(&place));
                    volumes.push(VolumeRecord {
                        used_by: users.map(|vm| vm.vm.clone()).collect(),
                        capacity_bytes: volume.capacity_bytes,
                        checksum: volume.checksum,
                        is_complete: volume.complete,
                        is_foreign: volume.foreign,
                        volume: place,
                    });
                }
            }
            Census { vms, volumes }
        })
    }

    /// The VM tagged with this id, if there is one.
    pub fn vm_of(&self, id: VmId) -> Option<VmRecord> {
        self.census().vms.into_iter().find(|vm| vm.tag == Some(id))
    }

    /// The VM of this name, if there is one.
    pub fn vm_named(&self, name: &str) -> Option<VmRecord> {
        self.census().vms.into_iter().find(|vm| vm.vm.name == name)
    }

    /// What should not exist, one sentence each, when exactly the VMs `vms` and,
    /// besides theirs, the volumes `kept` should: VMs without owner (I4), ids
    /// with two VMs (I1, I3), ids without their VM, volumes that nobody uses
    /// (I4), are half filled, or miss under a VM (I5).
    pub fn leaks(&self, vms: &[VmId], kept: &[VolumeRef]) -> Vec<String> {
        let census = self.census();
        let mut by_tag: BTreeMap<VmId, Vec<&VmRecord>> = BTreeMap::new();
        for vm in &census.vms {
            by_tag.entry(vm.tag.unwrap_or(NOBODY)).or_default().push(vm);
        }
        by_tag.remove(&NOBODY);
        let mut found = Vec::new();
        for (id, tagged) in &by_tag {
            if !vms.contains(id) {
                found.push(format!("VM {} is tagged {id}, which nobody owns", tagged[0].vm));
            }
            if tagged.len() > 1 {
                found.push(format!("{} VMs are tagged {id}", tagged.len()));
            }
        }
        let missing = vms.iter().filter(|id| !by_tag.contains_key(id));
        found.extend(missing.map(|id| format!("no VM is tagged {id}")));
        for volume in census.volumes.iter().filter(|volume| !volume.is_foreign) {
            let name = &volume.volume;
            if !volume.is_complete {
                found.push(format!("volume {name} is half filled"));
            }
            if volume.used_by.is_empty() && !kept.contains(name) {
                found.push(format!("volume {name} belongs to nobody"));
            }
        }
        for vm in &census.vms {
            let exists = |used: &&VolumeRef| census.volumes.iter().any(|v| v.volume == **used);
            let lost = vm.volumes.iter().filter(|used| !exists(used));
            found.extend(lost.map(|used| format!("VM {} lost its volume {used}", vm.vm)));
        }
        found
    }

    /// How many VMs with this tag are live: more than one is the worst that can
    /// happen (I1).
    pub fn live_count(&self, id: VmId) -> usize {
        let vms = self.census().vms;
        vms.iter().filter(|vm| vm.tag == Some(id) && vm.power.is_live()).count()
    }
}

/// Stands for VMs without a tag.
const NOBODY: VmId = VmId::from_uuid(uuid::Uuid::nil());
