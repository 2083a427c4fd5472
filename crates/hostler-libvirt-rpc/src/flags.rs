//! libvirt's flag bits, by the procedure that takes them. Combine with `|`; 0 is each default.

macro_rules! flags {
    ($($(#[$doc:meta])* $module:ident { $($name:ident = $value:expr),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub mod $module {
            $(
                #[doc = concat!("`", stringify!($name), "` = `", stringify!($value), "`.")]
                pub const $name: u32 = $value;
            )+
        }
    )+};
}

flags! {
    /// Which domains to list.
    list_domains {
        ACTIVE = 1, INACTIVE = 2, PERSISTENT = 4, TRANSIENT = 8, RUNNING = 16, PAUSED = 32,
        SHUTOFF = 64, OTHER = 128, MANAGED_SAVE = 256, NO_MANAGED_SAVE = 512, AUTOSTART = 1024,
        NO_AUTOSTART = 2048, HAS_SNAPSHOT = 4096, NO_SNAPSHOT = 8192, HAS_CHECKPOINT = 1 << 14,
        NO_CHECKPOINT = 1 << 15,
    }
    /// Which networks to list.
    list_networks {
        INACTIVE = 1, ACTIVE = 2, PERSISTENT = 4, TRANSIENT = 8, AUTOSTART = 16, NO_AUTOSTART = 32,
    }
    /// Which storage pools to list.
    list_pools {
        INACTIVE = 1, ACTIVE = 2, PERSISTENT = 4, TRANSIENT = 8, AUTOSTART = 16, NO_AUTOSTART = 32,
        DIR = 64, FS = 128, NETFS = 256, LOGICAL = 512, DISK = 1024, ISCSI = 2048,
    }
    /// What a domain's XML shows.
    domain_xml { SECURE = 1, INACTIVE = 2, UPDATE_CPU = 4, MIGRATABLE = 8 }
    /// How to define a domain.
    define { VALIDATE = 1 }
    /// How to start a domain.
    create {
        PAUSED = 1, AUTODESTROY = 2, BYPASS_CACHE = 4, FORCE_BOOT = 8, VALIDATE = 16,
        RESET_NVRAM = 32,
    }
    /// How to ask a guest to shut down.
    shutdown { ACPI = 1, GUEST_AGENT = 2, INITCTL = 4, SIGNAL = 8, PARAVIRT = 16 }
    /// How to ask a guest to reboot.
    reboot { ACPI = 1, GUEST_AGENT = 2, INITCTL = 4, SIGNAL = 8, PARAVIRT = 16 }
    /// How to stop a domain by force.
    destroy { GRACEFUL = 1, REMOVE_LOGS = 2 }
    /// What to remove with a domain's definition.
    undefine {
        MANAGED_SAVE = 1, SNAPSHOTS_METADATA = 2, NVRAM = 4, KEEP_NVRAM = 8,
        CHECKPOINTS_METADATA = 16, TPM = 32, KEEP_TPM = 64,
    }
    /// Which configuration a change is for; 0 is the one in use.
    modify { LIVE = 1, CONFIG = 2, FORCE = 4 }
    /// Which memory size to set.
    memory { LIVE = 1, CONFIG = 2, MAXIMUM = 4 }
    /// Which vCPU count to set or get.
    vcpu { LIVE = 1, CONFIG = 2, MAXIMUM = 4, GUEST = 8, HOTPLUGGABLE = 16 }
    /// How to save a domain, and how it comes back.
    save { BYPASS_CACHE = 1, RUNNING = 2, PAUSED = 4, RESET_NVRAM = 8 }
    /// How to make a snapshot.
    snapshot_create {
        REDEFINE = 1, CURRENT = 2, NO_METADATA = 4, HALT = 8, DISK_ONLY = 16, REUSE_EXT = 32,
        QUIESCE = 64, ATOMIC = 128, LIVE = 256, VALIDATE = 512,
    }
    /// Which snapshots to list.
    snapshot_list {
        ROOTS = 1, METADATA = 2, LEAVES = 4, NO_LEAVES = 8, NO_METADATA = 16, INACTIVE = 32,
        ACTIVE = 64, DISK_ONLY = 128, INTERNAL = 256, EXTERNAL = 512, TOPOLOGICAL = 1024,
    }
    /// How to delete a snapshot.
    snapshot_delete { CHILDREN = 1, METADATA_ONLY = 2, CHILDREN_ONLY = 4 }
    /// How to revert to a snapshot.
    snapshot_revert { RUNNING = 1, PAUSED = 2, FORCE = 4, RESET_NVRAM = 8 }
    /// Groups of statistics.
    stats {
        STATE = 1, CPU_TOTAL = 2, BALLOON = 4, VCPU = 8, INTERFACE = 16, BLOCK = 32, PERF = 64,
        IOTHREAD = 128, MEMORY = 256, DIRTYRATE = 512, VM = 1024,
    }
    /// How statistics are collected, and of which domains.
    stats_flags {
        ACTIVE = 1, INACTIVE = 2, PERSISTENT = 4, TRANSIENT = 8, RUNNING = 16, PAUSED = 32,
        SHUTOFF = 64, OTHER = 128, NOWAIT = 1 << 29, BACKING = 1 << 30, ENFORCE_STATS = 1 << 31,
    }
    /// Which job's statistics.
    job_stats { COMPLETED = 1, KEEP_COMPLETED = 2 }
    /// How to migrate.
    migrate {
        LIVE = 1, PEER2PEER = 2, TUNNELLED = 4, PERSIST_DEST = 8, UNDEFINE_SOURCE = 16,
        PAUSED = 32, NON_SHARED_DISK = 64, NON_SHARED_INC = 128, CHANGE_PROTECTION = 256,
        UNSAFE = 512, OFFLINE = 1024, COMPRESSED = 2048, ABORT_ON_ERROR = 4096,
        AUTO_CONVERGE = 8192, RDMA_PIN_ALL = 1 << 14, POSTCOPY = 1 << 15, TLS = 1 << 16,
        PARALLEL = 1 << 17, NON_SHARED_SYNCHRONOUS_WRITES = 1 << 18, POSTCOPY_RESUME = 1 << 19,
        ZEROCOPY = 1 << 20,
    }
    /// How to take a console.
    console { FORCE = 1, SAFE = 2 }
    /// Where a guest's addresses come from (a choice, not bits).
    interface_source { LEASE = 0, AGENT = 1, ARP = 2 }
    /// What the guest agent is asked for.
    guest_info {
        USERS = 1, OS = 2, TIMEZONE = 4, HOSTNAME = 8, FILESYSTEM = 16, DISKS = 32,
        INTERFACES = 64, LOAD = 128,
    }
    /// In which unit a disk's new size is; 0 is KiB.
    block_resize { BYTES = 1, CAPACITY = 2 }
    /// How to end a block job.
    block_job_abort { ASYNC = 1, PIVOT = 2 }
    /// How to commit a disk into its backing file.
    block_commit { SHALLOW = 1, DELETE = 2, ACTIVE = 4, RELATIVE = 8, BANDWIDTH_BYTES = 16 }
    /// How to copy a disk.
    block_copy { SHALLOW = 1, REUSE_EXT = 2, TRANSIENT_JOB = 4, SYNCHRONOUS_WRITES = 8 }
    /// How to rebase a disk.
    block_rebase {
        SHALLOW = 1, REUSE_EXT = 2, COPY_RAW = 4, COPY = 8, RELATIVE = 16, COPY_DEV = 32,
        BANDWIDTH_BYTES = 64,
    }
    /// How to build a storage pool.
    pool_build { NEW = 0, REPAIR = 1, RESIZE = 2, NO_OVERWRITE = 4, OVERWRITE = 8 }
    /// How to start a storage pool.
    pool_create { WITH_BUILD = 1, WITH_BUILD_OVERWRITE = 2, WITH_BUILD_NO_OVERWRITE = 4 }
    /// How to delete a storage pool.
    pool_delete { ZEROED = 1 }
    /// How to make a volume.
    volume_create { PREALLOC_METADATA = 1, REFLINK = 2, VALIDATE = 4 }
    /// How to delete a volume.
    volume_delete { ZEROED = 1, WITH_SNAPSHOTS = 2 }
    /// How to resize a volume.
    volume_resize { ALLOCATE = 1, DELTA = 2, SHRINK = 4 }
}

/// Kinds of metadata a domain has (a choice, not bits).
pub mod metadata {
    /// Its description.
    pub const DESCRIPTION: i32 = 0;
    /// Its title.
    pub const TITLE: i32 = 1;
    /// An element of another namespace.
    pub const ELEMENT: i32 = 2;
}

/// Special timeouts of guest agent commands, in seconds.
pub mod agent_timeout {
    /// Wait for ever.
    pub const BLOCK: i32 = -2;
    /// The daemon's default.
    pub const DEFAULT: i32 = -1;
    /// Fail unless the agent answers at once.
    pub const NO_WAIT: i32 = 0;
}
