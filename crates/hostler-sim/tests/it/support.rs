//! A small world, a connection to it, and VMs to play with.

use std::time::Duration;

use bytes::Bytes;
use hostler_core::id::{IdSource, SeededEntropy, VmId};
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec, VolumeFormat};
use hostler_core::{Timestamp, clock::ManualClock};
use hostler_provider::{
    Create, Cx, DiskBinding, EnsureVm, EnsureVolume, Result, Storage, VmHandle, VmRef,
    VolumeContent, VolumeInfo, VolumeReader, VolumeRef,
};
use hostler_sim::{Sim, World};

pub(crate) const MIB: u64 = 1 << 20;
/// What the clock of every test shows.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A world with one of everything, and a connection.
pub(crate) fn small() -> (World, Sim) {
    let world = World::small(1);
    let sim = Sim::new(&world);
    (world, sim)
}

/// A context of 30 s on a clock that stands still.
pub(crate) fn cx() -> Cx {
    within(Duration::from_secs(30))
}

pub(crate) fn within(budget: Duration) -> Cx {
    Cx::within(budget).with_clock(std::sync::Arc::new(ManualClock::at(NOW)))
}

/// The id number `n`, the same in every run.
pub(crate) fn id(n: u64) -> VmId {
    let clock = std::sync::Arc::new(ManualClock::at(NOW));
    IdSource::new(clock, std::sync::Arc::new(SeededEntropy::new(n))).next(VmId::new)
}

pub(crate) fn volume(name: &str) -> VolumeRef {
    VolumeRef { host_ref: "h1".into(), pool: "default".into(), name: name.into() }
}

/// A spec with one disk `root`.
pub(crate) fn spec(name: &str) -> VmSpec {
    let mut spec = VmSpec::new(name, 256 * MIB);
    spec.disks.push(DiskSpec {
        name: "root".into(),
        device: DiskDevice::Disk,
        bus: None,
        source: DiskSource::Empty {
            size_bytes: MIB,
            pool: None,
            format: Some(VolumeFormat::Qcow2),
        },
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    });
    spec
}

pub(crate) async fn ensure_volume(sim: &Sim, name: &str) -> Result<VolumeInfo> {
    fill_volume(sim, name, VolumeContent::Empty).await
}

pub(crate) async fn fill_volume(
    sim: &Sim,
    name: &str,
    content: VolumeContent<'_>,
) -> Result<VolumeInfo> {
    let volume = volume(name);
    let request =
        EnsureVolume { volume: &volume, capacity_bytes: MIB, format: VolumeFormat::Qcow2, content };
    sim.ensure_volume(&cx(), &request).await
}

/// Makes the volume `NAME-root`, and the VM with it.
pub(crate) async fn ensure_vm(sim: &Sim, id: VmId, name: &str) -> Result<VmHandle> {
    let root = format!("{name}-root");
    ensure_volume(sim, &root).await?;
    let spec = spec(name);
    let disks = [DiskBinding { disk: "root".into(), volume: volume(&root), owned: true }];
    let request = EnsureVm { vm: id, spec: &spec, host_ref: "h1", disks: &disks, seed: None };
    sim.ensure_vm(&cx(), &request).await
}

/// A VM that is there.
pub(crate) async fn vm(sim: &Sim, n: u64, name: &str) -> VmRef {
    ensure_vm(sim, id(n), name).await.unwrap().vm
}

/// So many bytes of a pattern; fails when it comes to `fails_at`.
pub(crate) struct Pattern {
    pub(crate) bytes: u64,
    pub(crate) fails_at: Option<u64>,
}

#[async_trait::async_trait]
impl VolumeReader for Pattern {
    fn len(&self) -> u64 {
        self.bytes
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes> {
        if self.fails_at.is_some_and(|at| offset >= at) {
            return Err(std::io::Error::other("the source closed"));
        }
        let left = usize::try_from(self.bytes - offset).unwrap().min(max);
        Ok(Bytes::from(vec![7; left]))
    }
}
