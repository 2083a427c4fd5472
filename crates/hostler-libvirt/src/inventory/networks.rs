//! A host's networks.
//!
//! One that exists and cannot be read is told as such, as pools are: left out,
//! it would look deleted, and failing for it would hide every VM of the host.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::Timestamp;
use hostler_core::network::ObservedNetwork;
use hostler_libvirt_rpc::{Network as Reference, flags};
use hostler_provider::{Cx, Error, Kind, Result};

use super::{PARALLEL, or_none, unreadable};
use crate::connection::Link;
use crate::xml::network::Network;

/// How a network reaches the world when that could not be read.
const UNKNOWN: &str = "unknown";

/// A network, with what the protocol calls it.
pub(super) struct ListedNetwork {
    pub(super) reference: Reference,
    pub(super) observed: ObservedNetwork,
}

impl ListedNetwork {
    /// Whether guests may have got addresses from it.
    pub(super) fn may_have_leases(&self) -> bool {
        let seen = &self.observed;
        seen.active && (!seen.subnets.is_empty() || seen.forward == UNKNOWN)
    }
}

/// What lists tell of a network.
#[derive(Debug, Clone, Copy)]
struct Listed {
    active: bool,
    autostart: bool,
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
            let listed = Listed { active, autostart };
            async move { self.network_or_why_not(cx, host, network, listed).await }
        });
        let found: Vec<Option<ListedNetwork>> = read.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The network; `None` when it vanished meanwhile.
    async fn network_or_why_not(
        &self,
        cx: &Cx,
        host: &str,
        reference: Reference,
        listed: Listed,
    ) -> Result<Option<ListedNetwork>> {
        let observed = match unreadable(self.network(cx, &reference).await)? {
            None => return Ok(None),
            Some(Ok(read)) => observed(host, &reference, listed, read, cx.now()),
            Some(Err(why)) => {
                let (name, raw) = (&reference.name, why.raw());
                tracing::warn!(network = %name, error = %why, raw, "a network cannot be read");
                observed(host, &reference, listed, unread(), cx.now())
            }
        };
        Ok(Some(ListedNetwork { reference, observed }))
    }

    async fn network(&self, cx: &Cx, reference: &Reference) -> Result<Network> {
        let doing = format!("cannot read network \"{}\"", reference.name);
        let xml =
            self.look(cx, &doing, |c| async move { c.network_xml(reference, 0).await }).await?;
        Network::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })
    }
}

fn observed(
    host: &str,
    reference: &Reference,
    listed: Listed,
    read: Network,
    at: Timestamp,
) -> ObservedNetwork {
    ObservedNetwork {
        external_ref: reference.uuid.to_string(),
        host_ref: Some(host.to_owned()),
        name: reference.name.clone(),
        forward: read.forward,
        bridge: read.bridge,
        active: listed.active,
        autostart: listed.autostart,
        subnets: read.subnets,
        observed_at: at,
    }
}

/// What is told of a network whose configuration could not be read.
fn unread() -> Network {
    Network { forward: UNKNOWN.to_owned(), bridge: None, subnets: Vec::new() }
}

#[cfg(test)]
mod tests {
    use hostler_libvirt_rpc::Uuid;

    use super::*;

    fn listed(read: Network, active: bool) -> ListedNetwork {
        let reference = Reference { name: "n".into(), uuid: Uuid([7; 16]) };
        let listed = Listed { active, autostart: true };
        let observed = observed("h", &reference, listed, read, Timestamp::from_millis(5));
        ListedNetwork { reference, observed }
    }

    #[test]
    fn x17_a_network_that_cannot_be_read_is_neither_gone_nor_isolated() {
        let read =
            Network::read("<network").map_err(|bad| Error::new(Kind::Bug, "bad").with_raw(bad));
        assert!(matches!(unreadable(read), Ok(Some(Err(_)))), "it fails alone");
        let seen = listed(unread(), true).observed;
        assert_eq!((seen.name.as_str(), seen.forward.as_str()), ("n", "unknown"));
        assert!(seen.active && seen.autostart, "the lists have told that");
    }

    #[test]
    fn a43_leases_are_looked_for_wherever_there_may_be_some() {
        let isolated = || Network { forward: "isolated".into(), ..unread() };
        let serving = || Network { subnets: vec!["10.0.0.0/8".into()], ..isolated() };
        assert!(listed(unread(), true).may_have_leases());
        assert!(listed(serving(), true).may_have_leases());
        assert!(!listed(isolated(), true).may_have_leases());
        assert!(!listed(unread(), false).may_have_leases());
    }
}
