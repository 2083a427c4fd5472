//! Virtual machines on libvirt hosts: the driver for KVM and QEMU. It also
//! reads what other libvirt drivers hold (the test driver), and measures the
//! containers of LXC, which are no VMs: they are in no inventory, and nothing can
//! be done to them here.
//!
//! One [`Libvirt`] is one daemon, and so one host. It speaks libvirt's protocol
//! through `hostler-libvirt-rpc`: no C library, no blocked threads, a deadline
//! on every call.
//!
//! | to learn about | read |
//! |---|---|
//! | being connected, or not | `connection` |
//! | what a VM's document looks like | `xml::domain` |
//! | what libvirt's states and errors mean | `state`, `error` |
//! | how a thousand VMs are listed quickly | `inventory` |
//! | how a hung guest costs only its own figures | `metrics` |
//! | how snapshots are taken, gone back to and deleted | `snapshots`, `storage::chains` |
//! | how a VM is copied | `clones` |
//! | how a disk is told from a newer one of its name | `disks` |
//! | how a VM is changed and nothing of others is lost | `configure`, `xml::edit` |
//! | how a half-filled volume is told from a whole one | `storage` |

mod agents;
mod clones;
mod config;
mod configure;
mod connection;
mod console;
mod create;
mod disks;
mod error;
mod inventory;
mod metrics;
mod power;
mod seats;
mod seed;
mod snapshots;
mod state;
mod storage;
mod watch;
mod xml;

use std::sync::Arc;

use async_trait::async_trait;
use hostler_provider::{
    Clones, Configure, Console, Create, Cx, Disks, Inventory, Metrics, Power, Probe, Provider,
    Result, Snapshots, Storage, Watch,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use config::LibvirtConfig;
pub use connection::ConnectionState;
use connection::{Link, SharedLink};

/// A libvirt host.
///
/// Making one never fails and never waits: it connects in the background and
/// connects anew whenever the connection is lost, for as long as it lives.
/// Dropping it closes everything; guests run on.
pub struct Libvirt {
    link: SharedLink,
    measuring: metrics::Measuring,
    /// Dropping the set stops the tasks.
    _tasks: JoinSet<()>,
}

impl Libvirt {
    /// Starts connecting. Must be called within a tokio runtime.
    pub fn new(config: LibvirtConfig) -> Self {
        let (sender, queue) = mpsc::channel(agents::QUEUE);
        let link = Arc::new(Link::new(config, sender));
        let mut tasks = JoinSet::new();
        tasks.spawn(connection::keep(link.clone()));
        tasks.spawn(agents::ask(link.clone(), queue));
        Self { link, measuring: metrics::Measuring::new(), _tasks: tasks }
    }

    /// Itself, where what it holds are VMs.
    fn of_vms(&self) -> Option<&Self> {
        Some(self).filter(|it| !it.link.holds_containers)
    }

    /// Where the connection stands.
    pub fn connection(&self) -> ConnectionState {
        self.link.state()
    }
}

impl std::fmt::Debug for Libvirt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Libvirt").field("link", &self.link).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Libvirt {
    fn kind(&self) -> &'static str {
        "libvirt"
    }

    async fn probe(&self, cx: &Cx) -> Result<Probe> {
        self.link.probe(cx).await
    }

    async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        self.link.inventory(cx).await
    }

    fn create(&self) -> Option<&dyn Create> {
        self.of_vms().map(|it| it as &dyn Create)
    }

    fn power(&self) -> Option<&dyn Power> {
        self.of_vms().map(|it| it as &dyn Power)
    }

    fn storage(&self) -> Option<&dyn Storage> {
        self.of_vms().map(|it| it as &dyn Storage)
    }

    fn configure(&self) -> Option<&dyn Configure> {
        self.of_vms().map(|it| it as &dyn Configure)
    }

    fn disks(&self) -> Option<&dyn Disks> {
        self.of_vms().map(|it| it as &dyn Disks)
    }

    fn console(&self) -> Option<&dyn Console> {
        self.of_vms().map(|it| it as &dyn Console)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        Some(self)
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        self.of_vms().map(|it| it as &dyn Snapshots)
    }

    fn clones(&self) -> Option<&dyn Clones> {
        self.of_vms().map(|it| it as &dyn Clones)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        self.of_vms().map(|it| it as &dyn Watch)
    }
}
