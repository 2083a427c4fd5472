//! Everything there is on a host now: a few list calls for all VMs together,
//! and the configurations of those that changed.

pub(crate) mod addresses;
pub(crate) mod cache;
pub(crate) mod host;
mod networks;
mod pools;
mod vms;

use hostler_provider::{Cx, Inventory, Result};

use crate::connection::Link;

/// Calls that an inventory has under way at once. The daemon works on four of
/// a connection, and there are two connections for this.
pub(crate) const PARALLEL: usize = 8;

impl Link {
    /// Everything that exists now.
    pub(crate) async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        let host = self.observe_host(cx).await?;
        let networks = self.networks(cx, &host.host.external_ref).await?;
        let leases = self.leases(cx, &networks).await;
        Ok(Inventory {
            vms: self.vms(cx, &host.host.external_ref, &leases).await?,
            pools: self.pools(cx, &host.host.external_ref).await?,
            networks: networks.into_iter().map(|network| network.observed).collect(),
            hosts: vec![host],
            unreachable: Vec::new(),
        })
    }
}

/// Leaves out what vanished between being listed and being read.
pub(crate) fn present<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == hostler_provider::Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A list that a driver may not have at all.
pub(crate) fn or_none<T>(list: Result<Vec<T>>) -> Result<Vec<T>> {
    match list {
        Err(error) if error.kind() == hostler_provider::Kind::Unsupported => Ok(Vec::new()),
        other => other,
    }
}
