//! Asking the daemon for events. A registration lives as long as the connection; subscribers are a
//! matter of this side alone ([`Connection::subscribe`]).

use crate::connection::Connection;
use crate::error::Result;
use crate::procedure::{
    CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
    CONNECT_NETWORK_EVENT_DEREGISTER_ANY, CONNECT_NETWORK_EVENT_REGISTER_ANY,
    CONNECT_REGISTER_CLOSE_CALLBACK, CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY,
    CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, CONNECT_UNREGISTER_CLOSE_CALLBACK,
};
use crate::types::{Domain, Network, StoragePool};

/// The daemon's name for a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(pub i32);

macro_rules! kinds {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $name:ident = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type { $($(#[$variant_doc])* $name = $number),+ }

        impl $type {
            /// Every kind this crate can read.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The protocol's number.
            pub fn number(self) -> i32 {
                match self { $(Self::$name => $number),+ }
            }
        }
    };
}

kinds! {
    /// Kinds of domain events; the numbers are `virDomainEventID`.
    DomainEventKind {
        /// Defined, started, stopped ...
        Lifecycle = 0,
        /// The guest rebooted.
        Reboot = 1,
        /// The guest changed its clock.
        RtcChange = 2,
        /// The watchdog fired.
        Watchdog = 3,
        /// A disk failed.
        IoError = 4,
        /// A graphics client came or went.
        Graphics = 5,
        /// A disk failed, with the reason.
        IoErrorReason = 6,
        /// The hypervisor's monitor failed.
        ControlError = 7,
        /// A block job, by the disk's path.
        BlockJob = 8,
        /// A disk's medium changed.
        DiskChange = 9,
        /// A tray moved.
        TrayChange = 10,
        /// The guest woke up.
        PmWakeup = 11,
        /// The guest suspended to memory.
        PmSuspend = 12,
        /// The balloon changed.
        BalloonChange = 13,
        /// The guest suspended to disk.
        PmSuspendDisk = 14,
        /// A device is gone.
        DeviceRemoved = 15,
        /// A block job, by the disk's target.
        BlockJob2 = 16,
        /// Tuning changed.
        Tunable = 17,
        /// The guest agent came or went.
        AgentLifecycle = 18,
        /// A device was attached.
        DeviceAdded = 19,
        /// A migration began another pass.
        MigrationIteration = 20,
        /// A job ended.
        JobCompleted = 21,
        /// A device was not given up.
        DeviceRemovalFailed = 22,
        /// Metadata changed.
        MetadataChange = 23,
        /// A disk passed its threshold.
        BlockThreshold = 24,
        /// Bad memory (libvirt 6.9).
        MemoryFailure = 25,
        /// A memory device changed its size (libvirt 7.9).
        MemoryDeviceSizeChange = 26,
    }
}

kinds! {
    /// Kinds of storage pool events.
    StoragePoolEventKind {
        /// Defined, started, stopped ...
        Lifecycle = 0,
        /// Its volumes were read anew.
        Refresh = 1,
    }
}

/// `VIR_NETWORK_EVENT_ID_LIFECYCLE`, the only kind libvirt 9 has.
const NETWORK_LIFECYCLE: i32 = 0;

impl Connection {
    /// Asks for one kind of events of one domain, or of all.
    ///
    /// # Errors
    /// `INVALID_ARG` from a daemon too old for the kind.
    pub async fn register_domain_event(
        &self,
        kind: DomainEventKind,
        domain: Option<&Domain>,
    ) -> Result<CallbackId> {
        let arguments = (kind.number(), domain);
        let (id,) = self.call(CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &arguments).await?;
        Ok(CallbackId(id))
    }

    /// Asks for several kinds of events of all domains, one after another.
    ///
    /// # Errors
    /// The first failure; kinds before it stay registered.
    pub async fn register_domain_events(
        &self,
        kinds: &[DomainEventKind],
    ) -> Result<Vec<CallbackId>> {
        let mut ids = Vec::with_capacity(kinds.len());
        for kind in kinds {
            ids.push(self.register_domain_event(*kind, None).await?);
        }
        Ok(ids)
    }

    /// Ends a registration of [`Connection::register_domain_event`].
    ///
    /// # Errors
    /// When the daemon does not know it.
    pub async fn deregister_domain_event(&self, id: CallbackId) -> Result<()> {
        self.call(CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &(id.0,)).await
    }

    /// Asks for the lifecycle events of one network, or of all.
    ///
    /// # Errors
    /// As any call.
    pub async fn register_network_event(&self, network: Option<&Network>) -> Result<CallbackId> {
        let arguments = (NETWORK_LIFECYCLE, network);
        let (id,) = self.call(CONNECT_NETWORK_EVENT_REGISTER_ANY, &arguments).await?;
        Ok(CallbackId(id))
    }

    /// Ends a registration of [`Connection::register_network_event`].
    ///
    /// # Errors
    /// When the daemon does not know it.
    pub async fn deregister_network_event(&self, id: CallbackId) -> Result<()> {
        self.call(CONNECT_NETWORK_EVENT_DEREGISTER_ANY, &(id.0,)).await
    }

    /// Asks for one kind of events of one storage pool, or of all.
    ///
    /// # Errors
    /// As any call.
    pub async fn register_storage_pool_event(
        &self,
        kind: StoragePoolEventKind,
        pool: Option<&StoragePool>,
    ) -> Result<CallbackId> {
        let arguments = (kind.number(), pool);
        let (id,) = self.call(CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, &arguments).await?;
        Ok(CallbackId(id))
    }

    /// Ends a registration of [`Connection::register_storage_pool_event`].
    ///
    /// # Errors
    /// When the daemon does not know it.
    pub async fn deregister_storage_pool_event(&self, id: CallbackId) -> Result<()> {
        self.call(CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, &(id.0,)).await
    }

    /// Asks to be told when the daemon loses its hypervisor ([`Event`](super::Event)
    /// `ConnectionClosed`).
    ///
    /// # Errors
    /// `NO_SUPPORT` or `OPERATION_UNSUPPORTED` from drivers that cannot lose theirs.
    pub async fn register_close_callback(&self) -> Result<()> {
        self.call(CONNECT_REGISTER_CLOSE_CALLBACK, &()).await
    }

    /// Undoes [`Connection::register_close_callback`].
    ///
    /// # Errors
    /// When nothing was registered.
    pub async fn deregister_close_callback(&self) -> Result<()> {
        self.call(CONNECT_UNREGISTER_CLOSE_CALLBACK, &()).await
    }
}
