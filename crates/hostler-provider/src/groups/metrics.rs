//! Measuring. One pass measures one kind of thing for all VMs, so that what is
//! cheap is asked often and what may hang costs only itself.
//!
//! ```text
//!  pass    asks                                     a hung VM costs
//!  state   one call for a host                      nothing
//!  stats   the hypervisor, VMs in small batches     its batch, then itself
//!  job     each VM that has a job                   itself
//!  guest   each guest agent, with a deadline each   itself
//! ```

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_core::metrics::{Cost, Point};

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Measuring.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// The passes it can make; never [`Cost::Own`].
    fn passes(&self) -> &'static [Cost];

    /// Makes one pass now. What did not answer is in [`Batch::silent`] and
    /// fails nobody else; an error means that nothing could be measured.
    /// A value that the source does not have is left out, never 0 (X17).
    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch>;
}

/// What one pass measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Of virtual machines.
    pub vms: Vec<Measured<VmRef>>,
    /// Of hosts, by the provider's name for them.
    pub hosts: Vec<Measured<String>>,
    /// Of storage pools.
    pub pools: Vec<Measured<PoolRef>>,
    /// Of containers; a container is never told as a VM (D3, X16).
    pub containers: Vec<Measured<ContainerRef>>,
    /// VMs that were asked and did not answer.
    pub silent: Vec<Silent>,
}

/// What was measured of one thing at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured<R> {
    /// Of what.
    pub of: R,
    /// When the values were read.
    pub at: Timestamp,
    /// The values; each metric of the resource that it belongs to.
    pub points: Vec<Point>,
}

/// Names a pool towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolRef {
    /// The host that has it, in the provider's terms.
    pub host_ref: Option<String>,
    /// Its name there.
    pub name: String,
}

/// Names a container towards its engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerRef {
    /// The engine's lasting id.
    pub id: String,
    /// Its name, which can change.
    pub name: String,
    /// The engine: `docker`, `podman`, `libvirt-lxc`.
    pub engine: &'static str,
}

/// A VM that was asked and did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// Which.
    pub vm: VmRef,
    /// Why, for people; names the job that holds it where that is known.
    pub reason: String,
}
