//! The driver boundary: what a place where virtual machines run has to
//! implement. Read `hostler-sim` next: it is the smallest complete driver.
//!
//! * **Two methods make a provider**, [`Provider::probe`] and
//!   [`Provider::inventory`]; a read-only provider is a complete one.
//! * **A capability is the presence of its code**: a group accessor returns
//!   `Some` or `None`, and [`groups`] computes the set that API and UI show.
//! * **Verbs are idempotent**: `ensure`, `remove` (absent is success), `start`
//!   (running is success). What a driver makes bears our tag, so that it can be
//!   found before it is made twice.
//! * **Outcomes are three-valued**: `Ok` is done; an [`Error`] says whether the
//!   effect is [`Effect::None`] or [`Effect::Unknown`], because a lost reply is
//!   not a failure.
//! * **Effects may come late**: a call that was cancelled or timed out may take
//!   effect afterwards, and then by its own words is never without effect. A
//!   later look by tag or name tells what is there, asking again makes nothing
//!   twice, and one call takes effect once.
//! * **Every call has a deadline** and can be cancelled, through [`Cx`]. One
//!   hung VM or hung provider delays nobody else.

mod agent;
mod context;
mod error;
mod groups;
mod hub;
mod inventory;

#[cfg(feature = "conformance")]
pub mod conformance;

use async_trait::async_trait;

pub use agent::{Agent, AgentError, AgentTrouble, Asked, LeftOut, Machine, Report, ReportedPass};
pub use context::{Cx, Progress, ProgressSink};
pub use error::{Effect, Error, Kind, Result};
pub use groups::clones::{CloneHandle, Clones, EnsureClone};
pub use groups::cluster::Cluster;
pub use groups::configure::{ChangeVm, Configure};
pub use groups::console::{Console, ConsoleStream, CutOff};
pub use groups::create::{Create, DiskBinding, EnsureVm, SeedDisk, VmHandle};
pub use groups::disks::{AttachDisk, DiskHandle, DiskRef, Disks, VolumePlace};
pub use groups::instance_types::{InstanceTypes, Offered};
pub use groups::metrics::{Batch, ContainerRef, Measured, Metrics, PoolRef, Silent};
pub use groups::migrate::{Migrate, MigrateVm};
pub use groups::power::{Power, StopMode};
pub use groups::snapshots::{
    EnsureSnapshot, MovedDisk, Revert, Reverted, SnapshotHandle, SnapshotRef, Snapshots,
};
pub use groups::storage::{
    EnsureVolume, Storage, VolumeContent, VolumeInfo, VolumeReader, VolumeRef,
};
pub use groups::watch::{Change, Watch};
pub use hub::Hub;
pub use inventory::{HostInventory, Inventory, Probe, Stale, VmRef};

/// A live connection to one place where virtual machines run.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The word for its kind, for people and icons; nothing decides by it.
    fn kind(&self) -> &'static str;

    /// Whether everything it tells is made up, as the demo's is (X17). Such a
    /// provider's data is marked wherever it is shown.
    fn is_simulated(&self) -> bool {
        false
    }

    /// Cheap reachability and version check.
    async fn probe(&self, cx: &Cx) -> Result<Probe>;

    /// Everything that exists now: hosts, VMs, pools, networks. Complete, or an
    /// error: a VM missing from it is taken to be gone. A host of a provider
    /// with several that does not answer is told in [`Inventory::unreachable`].
    async fn inventory(&self, cx: &Cx) -> Result<Inventory>;

    /// Making and deleting VMs.
    fn create(&self) -> Option<&dyn Create> {
        None
    }

    /// Starting, stopping, pausing VMs.
    fn power(&self) -> Option<&dyn Power> {
        None
    }

    /// Volumes in pools.
    fn storage(&self) -> Option<&dyn Storage> {
        None
    }

    /// Serial lines and screens.
    fn console(&self) -> Option<&dyn Console> {
        None
    }

    /// Measuring.
    fn metrics(&self) -> Option<&dyn Metrics> {
        None
    }

    /// Taking and going back to snapshots.
    fn snapshots(&self) -> Option<&dyn Snapshots> {
        None
    }

    /// Making VMs of others, and of their snapshots.
    fn clones(&self) -> Option<&dyn Clones> {
        None
    }

    /// Adding disks to VMs that exist, and taking them off.
    fn disks(&self) -> Option<&dyn Disks> {
        None
    }

    /// Moving VMs to other hosts while they run.
    fn migrate(&self) -> Option<&dyn Migrate> {
        None
    }

    /// Changing what VMs are.
    fn configure(&self) -> Option<&dyn Configure> {
        None
    }

    /// Health and features of a cluster.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }

    /// Having instance types and preferences.
    fn instance_types(&self) -> Option<&dyn InstanceTypes> {
        None
    }

    /// Being told of changes, and looking at one VM.
    fn watch(&self) -> Option<&dyn Watch> {
        None
    }
}

/// A group of abilities that a provider may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// [`Create`].
    Create,
    /// [`Power`].
    Power,
    /// [`Storage`].
    Storage,
    /// [`Console`].
    Console,
    /// [`Metrics`].
    Metrics,
    /// [`Watch`].
    Watch,
    /// [`Cluster`].
    Cluster,
    /// [`Snapshots`].
    Snapshots,
    /// [`Migrate`].
    Migrate,
    /// [`Clones`].
    Clones,
    /// [`Configure`].
    Configure,
    /// [`InstanceTypes`].
    InstanceTypes,
    /// [`Disks`].
    Disks,
}

impl Group {
    /// Every group.
    pub const ALL: &'static [Self] = &[
        Self::Create,
        Self::Power,
        Self::Storage,
        Self::Console,
        Self::Metrics,
        Self::Watch,
        Self::Cluster,
        Self::Snapshots,
        Self::Migrate,
        Self::Clones,
        Self::Configure,
        Self::InstanceTypes,
        Self::Disks,
    ];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Power => "power",
            Self::Storage => "storage",
            Self::Console => "console",
            Self::Metrics => "metrics",
            Self::Watch => "watch",
            Self::Cluster => "cluster",
            Self::Snapshots => "snapshots",
            Self::Migrate => "migrate",
            Self::Clones => "clone",
            Self::Configure => "configure",
            Self::InstanceTypes => "instance_types",
            Self::Disks => "disks",
        }
    }
}

/// What a provider can do, read off its code.
pub fn groups(provider: &dyn Provider) -> Vec<Group> {
    let has = |group: &Group| match group {
        Group::Create => provider.create().is_some(),
        Group::Power => provider.power().is_some(),
        Group::Storage => provider.storage().is_some(),
        Group::Console => provider.console().is_some(),
        Group::Metrics => provider.metrics().is_some(),
        Group::Watch => provider.watch().is_some(),
        Group::Cluster => provider.cluster().is_some(),
        Group::Snapshots => provider.snapshots().is_some(),
        Group::Migrate => provider.migrate().is_some(),
        Group::Clones => provider.clones().is_some(),
        Group::Configure => provider.configure().is_some(),
        Group::InstanceTypes => provider.instance_types().is_some(),
        Group::Disks => provider.disks().is_some(),
    };
    Group::ALL.iter().copied().filter(has).collect()
}
