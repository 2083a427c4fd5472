//! A host's networks.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::network::ObservedNetwork;
use hostler_libvirt_rpc::{Network as Reference, flags};
use hostler_provider::{Cx, Error, Kind, Result};

use super::{PARALLEL, or_none, present};
use crate::connection::Link;
use crate::xml::network::Network;

/// A network, with what the protocol calls it.
pub(super) struct ListedNetwork {
    pub(super) reference: Reference,
    pub(super) observed: ObservedNetwork,
}

impl Link {
    /// All networks of the host.
    pub(super) async fn networks(&self, cx: &Cx, host: &str) -> Result<Vec<ListedNetwork>> {
        let doing = "cannot list networks";
        let list =
            |flags| self.look(cx, doing, move |c| async move { c.list_all_networks(flags).await });
        let all = or_none(list(0).await)?;
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let active: HashSet<_> =
            list(flags::list_networks::ACTIVE).await?.into_iter().map(|n| n.uuid).collect();
        let autostart: HashSet<_> =
            list(flags::list_networks::AUTOSTART).await?.into_iter().map(|n| n.uuid).collect();
        let read = stream::iter(all).map(|network| {
            let (active, autostart) =
                (active.contains(&network.uuid), autostart.contains(&network.uuid));
            async move { present(self.network(cx, host, network, active, autostart).await) }
        });
        let found: Vec<Option<ListedNetwork>> = read.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn network(
        &self,
        cx: &Cx,
        host: &str,
        reference: Reference,
        active: bool,
        autostart: bool,
    ) -> Result<ListedNetwork> {
        let doing = format!("cannot read network \"{}\"", reference.name);
        let of = &reference;
        let xml = self.look(cx, &doing, |c| async move { c.network_xml(of, 0).await }).await?;
        let read = Network::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        let observed = ObservedNetwork {
            external_ref: reference.uuid.to_string(),
            host_ref: Some(host.to_owned()),
            name: reference.name.clone(),
            forward: read.forward,
            bridge: read.bridge,
            active,
            autostart,
            subnets: read.subnets,
            observed_at: cx.now(),
        };
        Ok(ListedNetwork { reference, observed })
    }
}
