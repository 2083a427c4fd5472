//! The calls that a provider can be asked to do, by which faults are aimed.

/// A call that a provider can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Verb {
    Probe,
    Inventory,
    Validate,
    EnsureVm,
    FindVm,
    RemoveVm,
    Definition,
    Start,
    Stop,
    Reboot,
    Reset,
    Pause,
    Resume,
    Save,
    DefaultPool,
    EnsureVolume,
    RemoveVolume,
    Volumes,
    Snapshots,
    EnsureSnapshot,
    Revert,
    RemoveSnapshot,
    EnsureClone,
    RemoveClone,
    Disks,
    AttachDisk,
    DetachDisk,
    GrowDisk,
    OpenConsole,
    Subscribe,
    Observe,
    Measure,
    Report,
    Destinations,
    Migrate,
    CancelMigration,
    Migrations,
    PlanChange,
    ChangeVm,
    InstanceTypes,
    Preferences,
}

impl Verb {
    /// Whether it changes anything in the world.
    pub const fn is_change(self) -> bool {
        match self {
            Self::EnsureVm
            | Self::RemoveVm
            | Self::Start
            | Self::Stop
            | Self::Reboot
            | Self::Reset
            | Self::Pause
            | Self::Resume
            | Self::Save
            | Self::EnsureVolume
            | Self::RemoveVolume
            | Self::EnsureSnapshot
            | Self::Revert
            | Self::RemoveSnapshot
            | Self::EnsureClone
            | Self::RemoveClone
            | Self::AttachDisk
            | Self::DetachDisk
            | Self::GrowDisk
            | Self::Migrate
            | Self::CancelMigration
            | Self::ChangeVm => true,
            Self::Probe
            | Self::Inventory
            | Self::Validate
            | Self::FindVm
            | Self::Definition
            | Self::DefaultPool
            | Self::Volumes
            | Self::Snapshots
            | Self::Disks
            | Self::OpenConsole
            | Self::Subscribe
            | Self::Observe
            | Self::Measure
            | Self::Report
            | Self::Destinations
            | Self::Migrations
            | Self::PlanChange
            | Self::InstanceTypes
            | Self::Preferences => false,
        }
    }

    /// Whether it only looks at the world. Such calls also come by themselves, at
    /// any time.
    pub(crate) const fn is_look(self) -> bool {
        matches!(
            self,
            Self::Probe
                | Self::Inventory
                | Self::Subscribe
                | Self::Observe
                | Self::Measure
                | Self::Report
        )
    }

    /// What it does, for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Inventory => "take the inventory",
            Self::Validate => "validate a VM",
            Self::EnsureVm => "make a VM",
            Self::FindVm => "find a VM",
            Self::RemoveVm => "remove",
            Self::Definition => "read the definition of",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Save => "save",
            Self::DefaultPool => "find the default pool",
            Self::EnsureVolume => "make a volume",
            Self::RemoveVolume => "remove a volume",
            Self::Volumes => "list volumes",
            Self::Snapshots => "list snapshots of",
            Self::EnsureSnapshot => "take a snapshot of",
            Self::Revert => "put back",
            Self::RemoveSnapshot => "remove a snapshot of",
            Self::EnsureClone => "clone",
            Self::RemoveClone => "remove a clone",
            Self::Disks => "list disks of",
            Self::AttachDisk => "add a disk to",
            Self::DetachDisk => "take a disk off",
            Self::GrowDisk => "make a disk larger of",
            Self::OpenConsole => "open a console of",
            Self::Subscribe => "subscribe to changes",
            Self::Observe => "look at",
            Self::Measure => "measure",
            Self::Report => "tell how the cluster is",
            Self::Destinations => "find a host for",
            Self::Migrate => "migrate",
            Self::InstanceTypes => "list instance types",
            Self::Preferences => "list preferences",
            Self::CancelMigration => "cancel the migration of",
            Self::Migrations => "list migrations of",
            Self::PlanChange => "plan a change of",
            Self::ChangeVm => "change",
        }
    }
}
