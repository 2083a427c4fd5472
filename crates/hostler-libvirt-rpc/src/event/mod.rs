//! Events: what the daemon tells unasked. They are hints and never the whole truth: a reader that
//! is too slow, or a connection that broke, has missed some. [`Event::Lost`] says so, and the only
//! answer to it, as to every new connection, is to list again.

mod decode;
mod queue;
mod register;

pub(crate) use queue::EventQueue;
pub use queue::Events;
pub use register::{CallbackId, DomainEventKind, StoragePoolEventKind};

use bytes::Bytes;

use crate::procedure::Procedure;
use crate::types::{Domain, Network, StoragePool, TypedParam};

/// Something that happened, as the daemon tells it. Numbers are libvirt's own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A domain was defined, started, suspended, stopped ...
    Lifecycle {
        /// The domain, with its id after the event.
        domain: Domain,
        /// 0 defined, 1 undefined, 2 started, 3 suspended, 4 resumed, 5 stopped, 6 shutdown,
        /// 7 suspended by the guest, 8 crashed.
        event: i32,
        /// The reason, by event.
        detail: i32,
    },
    /// The guest rebooted.
    Reboot {
        /// The domain.
        domain: Domain,
    },
    /// The guest changed its clock.
    RtcChange {
        /// The domain.
        domain: Domain,
        /// Difference to UTC in seconds.
        offset_s: i64,
    },
    /// The watchdog fired.
    Watchdog {
        /// The domain.
        domain: Domain,
        /// 0 none, 1 pause, 2 reset, 3 power off, 4 shutdown, 5 debug, 6 inject NMI.
        action: i32,
    },
    /// A disk failed.
    IoError {
        /// The domain.
        domain: Domain,
        /// The disk's source.
        source_path: String,
        /// The disk's alias.
        device_alias: String,
        /// 0 none, 1 pause, 2 report.
        action: i32,
        /// Why, such as `enospc`; empty where unknown. Only of the kind `IoErrorReason`.
        reason: Option<String>,
    },
    /// A graphics client came or went.
    Graphics {
        /// The domain.
        domain: Domain,
        /// 0 connect, 1 initialise, 2 disconnect.
        phase: i32,
        /// Our side, as `node:service`.
        local: String,
        /// The client's side, as `node:service`.
        remote: String,
        /// How it authenticated.
        auth_scheme: String,
    },
    /// The monitor of the hypervisor failed.
    ControlError {
        /// The domain.
        domain: Domain,
    },
    /// A block job ended or is ready.
    BlockJob {
        /// The domain.
        domain: Domain,
        /// The disk's source path, or its target for the kind `BlockJob2`.
        disk: String,
        /// 1 pull, 2 copy, 3 commit, 4 active commit, 5 backup.
        kind: i32,
        /// 0 completed, 1 failed, 2 cancelled, 3 ready.
        status: i32,
        /// Whether `disk` is the target (`vda`), which stays the same when the source changes.
        is_target: bool,
    },
    /// A disk's medium changed.
    DiskChange {
        /// The domain.
        domain: Domain,
        /// The source before.
        old_source_path: Option<String>,
        /// The source now.
        new_source_path: Option<String>,
        /// The disk's alias.
        device_alias: String,
        /// 0 missing at start, 1 dropped at start.
        reason: i32,
    },
    /// A drive's tray moved.
    TrayChange {
        /// The domain.
        domain: Domain,
        /// The drive's alias.
        device_alias: String,
        /// 0 opened, 1 closed.
        reason: i32,
    },
    /// The guest woke up.
    PmWakeup {
        /// The domain.
        domain: Domain,
        /// Always 0 so far.
        reason: i32,
    },
    /// The guest suspended itself.
    PmSuspend {
        /// The domain.
        domain: Domain,
        /// Always 0 so far.
        reason: i32,
        /// Whether to disk.
        to_disk: bool,
    },
    /// The balloon changed.
    BalloonChange {
        /// The domain.
        domain: Domain,
        /// Memory the guest has now.
        actual_kib: u64,
    },
    /// A device was attached.
    DeviceAdded {
        /// The domain.
        domain: Domain,
        /// The device's alias.
        device_alias: String,
    },
    /// A device is gone.
    DeviceRemoved {
        /// The domain.
        domain: Domain,
        /// The device's alias.
        device_alias: String,
    },
    /// The guest refused to give up a device.
    DeviceRemovalFailed {
        /// The domain.
        domain: Domain,
        /// The device's alias.
        device_alias: String,
    },
    /// Tuning changed.
    Tunable {
        /// The domain.
        domain: Domain,
        /// What changed.
        params: Vec<TypedParam>,
    },
    /// The guest agent came or went.
    AgentLifecycle {
        /// The domain.
        domain: Domain,
        /// 1 connected, 2 disconnected.
        state: i32,
        /// 0 unknown, 1 domain started, 2 channel event.
        reason: i32,
    },
    /// A migration began another pass over the memory.
    MigrationIteration {
        /// The domain.
        domain: Domain,
        /// Which pass.
        iteration: i32,
    },
    /// A job ended.
    JobCompleted {
        /// The domain.
        domain: Domain,
        /// Its statistics.
        params: Vec<TypedParam>,
    },
    /// Metadata changed.
    MetadataChange {
        /// The domain.
        domain: Domain,
        /// 0 description, 1 title, 2 element.
        kind: i32,
        /// The element's namespace.
        uri: Option<String>,
    },
    /// A disk grew past the threshold set for it.
    BlockThreshold {
        /// The domain.
        domain: Domain,
        /// The disk.
        device: String,
        /// Its source.
        path: Option<String>,
        /// The threshold.
        threshold_bytes: u64,
        /// How far above.
        excess_bytes: u64,
    },
    /// The host found bad memory.
    MemoryFailure {
        /// The domain.
        domain: Domain,
        /// 0 hypervisor, 1 guest.
        recipient: i32,
        /// 0 ignore, 1 inject, 2 fatal, 3 reset.
        action: i32,
        /// 1 action required, 2 recursive.
        flags: u32,
    },
    /// A memory device changed its size.
    MemoryDeviceSizeChange {
        /// The domain.
        domain: Domain,
        /// The device's alias.
        device_alias: String,
        /// Its size now.
        size_kib: u64,
    },
    /// A network was defined, started ...
    NetworkLifecycle {
        /// The network.
        network: Network,
        /// 0 defined, 1 undefined, 2 started, 3 stopped.
        event: i32,
        /// Always 0 so far.
        detail: i32,
    },
    /// A storage pool was defined, started ...
    StoragePoolLifecycle {
        /// The pool.
        pool: StoragePool,
        /// 0 defined, 1 undefined, 2 started, 3 stopped, 4 created, 5 deleted.
        event: i32,
        /// Always 0 so far.
        detail: i32,
    },
    /// A storage pool's volumes were read anew.
    StoragePoolRefresh {
        /// The pool.
        pool: StoragePool,
    },
    /// The daemon lost its own connection to the hypervisor.
    ConnectionClosed {
        /// 0 error, 1 end of file, 2 keepalive, 3 by the client.
        reason: i32,
    },
    /// The subscriber was too slow: this many events were dropped here. List again.
    Lost {
        /// How many.
        count: u64,
    },
    /// An event this crate does not know, or cannot read.
    Unknown {
        /// Which.
        procedure: Procedure,
        /// Its bytes.
        payload: Bytes,
    },
}

impl Event {
    /// The domain it is about, if it is about one.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Lifecycle { domain, .. }
            | Self::Reboot { domain }
            | Self::RtcChange { domain, .. }
            | Self::Watchdog { domain, .. }
            | Self::IoError { domain, .. }
            | Self::Graphics { domain, .. }
            | Self::ControlError { domain }
            | Self::BlockJob { domain, .. }
            | Self::DiskChange { domain, .. }
            | Self::TrayChange { domain, .. }
            | Self::PmWakeup { domain, .. }
            | Self::PmSuspend { domain, .. }
            | Self::BalloonChange { domain, .. }
            | Self::DeviceAdded { domain, .. }
            | Self::DeviceRemoved { domain, .. }
            | Self::DeviceRemovalFailed { domain, .. }
            | Self::Tunable { domain, .. }
            | Self::AgentLifecycle { domain, .. }
            | Self::MigrationIteration { domain, .. }
            | Self::JobCompleted { domain, .. }
            | Self::MetadataChange { domain, .. }
            | Self::BlockThreshold { domain, .. }
            | Self::MemoryFailure { domain, .. }
            | Self::MemoryDeviceSizeChange { domain, .. } => Some(domain),
            Self::NetworkLifecycle { .. }
            | Self::StoragePoolLifecycle { .. }
            | Self::StoragePoolRefresh { .. }
            | Self::ConnectionClosed { .. }
            | Self::Lost { .. }
            | Self::Unknown { .. } => None,
        }
    }
}
