//! Addresses of guests: from DHCP leases, which the host gives, and from the
//! guest agent, which the guest says (A43).
//!
//! Leases are a quick look into a file of the host. The agent may take seconds
//! or for ever, so nobody waits for it: what it said last is told, and it is
//! asked again in the background, a few guests at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::vm::ObservedVm;
use hostler_core::vm::observed::ObservedAddress;
use hostler_libvirt_rpc::{Domain, DomainInterface, Uuid, flags};
use hostler_provider::Cx;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::PARALLEL;
use super::cache::Known;
use super::networks::ListedNetwork;
use crate::connection::Link;

/// How long a lookup of leases may take.
const LEASES_PATIENCE: Duration = Duration::from_secs(2);
/// How long an agent may take. libvirt gives up on one after five seconds.
pub(crate) const AGENT_PATIENCE: Duration = Duration::from_secs(8);
/// How often an agent is asked.
const AGENT_PERIOD: Duration = Duration::from_secs(30);
/// How soon an agent is asked again that knew no address: its guest may be booting.
const AGENT_AGAIN: Duration = Duration::from_secs(3);
/// The most addresses kept for one interface; a guest can claim any number.
const MAX_ADDRESSES: usize = 32;

/// Addresses by MAC address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses(HashMap<String, Vec<ObservedAddress>>);

impl Addresses {
    fn add(&mut self, mac: &str, address: &str, source: &'static str) {
        let Ok(address) = address.parse::<IpAddr>() else { return };
        let list = self.0.entry(mac.to_ascii_lowercase()).or_default();
        let new = ObservedAddress { address, source };
        if list.len() < MAX_ADDRESSES && !list.contains(&new) {
            list.push(new);
        }
    }

    fn of(interfaces: &[DomainInterface], source: &'static str) -> Self {
        let mut all = Self::default();
        for interface in interfaces {
            let Some(mac) = &interface.hardware_address else { continue };
            for address in &interface.addresses {
                all.add(mac, &address.address, source);
            }
        }
        all
    }

    /// Puts them to the interfaces they belong to.
    pub(super) fn apply(&self, vm: &mut ObservedVm) {
        if self.0.is_empty() {
            return;
        }
        let nics = std::mem::replace(
            &mut vm.nics,
            hostler_core::Fact::unavailable(super::host::SOURCE, "being replaced"),
        );
        vm.nics = nics.map(|mut nics| {
            for nic in &mut nics {
                let Some(found) = nic.mac.as_ref().and_then(|mac| self.0.get(mac)) else {
                    continue;
                };
                for address in found {
                    if !nic.addresses.contains(address) {
                        nic.addresses.push(address.clone());
                    }
                }
            }
            nics
        });
    }
}

/// What agents said.
pub(crate) struct Agents {
    state: Mutex<HashMap<Uuid, Asked>>,
    /// Guests to be asked; full means that they are asked later.
    queue: mpsc::Sender<Domain>,
}

struct Asked {
    /// The domain's number then: another run of the guest may have other addresses.
    id: i32,
    at: Instant,
    addresses: Addresses,
}

impl Agents {
    pub(crate) fn new(queue: mpsc::Sender<Domain>) -> Self {
        Self { state: Mutex::default(), queue }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Asked>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn is_recent(&self) -> bool {
        let period = if self.addresses.0.is_empty() { AGENT_AGAIN } else { AGENT_PERIOD };
        self.at.elapsed() < period
    }
}

impl Link {
    /// The leases of all networks together.
    pub(super) async fn leases(&self, cx: &Cx, networks: &[ListedNetwork]) -> Addresses {
        let cx = &cx.at_most(LEASES_PATIENCE);
        let mut serving = Vec::new();
        for network in networks {
            if network.may_have_leases() {
                serving.push(network.reference.clone());
            }
        }
        let lists = stream::iter(serving).map(|network| async move {
            let doing = format!("cannot read the leases of \"{}\"", network.name);
            let of = &network;
            self.look(cx, &doing, |c| async move { c.network_dhcp_leases(of, None, 0).await }).await
        });
        let mut all = Addresses::default();
        let lists: Vec<_> = lists.buffer_unordered(PARALLEL).collect().await;
        // Addresses are an extra: without them the rest is as true as before.
        for lease in lists.into_iter().flatten().flatten() {
            if let Some(mac) = &lease.mac {
                all.add(mac, &lease.address, "dhcp_lease");
            }
        }
        all
    }

    /// The leases of one running VM.
    pub(super) async fn domain_leases(&self, cx: &Cx, domain: &Domain) -> Addresses {
        let doing = format!("cannot read the leases of \"{}\"", domain.name);
        let source = flags::interface_source::LEASE;
        let cx = cx.at_most(LEASES_PATIENCE);
        let read = self.look(&cx, &doing, |c| async move {
            c.domain_interface_addresses(domain, source, 0).await
        });
        read.await.map(|found| Addresses::of(&found, "dhcp_lease")).unwrap_or_default()
    }

    /// What the guest agent said last; asks it anew when that is long ago.
    pub(super) fn guest_addresses(&self, domain: &Domain, known: Option<&Known>) -> Addresses {
        let connected = known.is_some_and(|k| k.domain.agent_connected == Some(true));
        if !domain.is_active() || !connected {
            self.agents.lock().remove(&domain.uuid);
            return Addresses::default();
        }
        let mut asked = self.agents.lock();
        let entry = asked.get_mut(&domain.uuid).filter(|entry| entry.id == domain.id);
        let told = entry.as_ref().map(|entry| entry.addresses.clone()).unwrap_or_default();
        match entry {
            Some(entry) if entry.is_recent() => {}
            // One that is in the queue counts as asked, so that it is there once.
            entry => {
                if self.agents.queue.try_send(domain.clone()).is_ok() {
                    let now = Asked { id: domain.id, at: Instant::now(), addresses: told.clone() };
                    match entry {
                        Some(entry) => *entry = now,
                        None => drop(asked.insert(domain.uuid, now)),
                    }
                }
            }
        }
        told
    }

    /// Asks one agent; tells whether its addresses are others than before.
    pub(crate) async fn ask_agent(&self, cx: &Cx, domain: &Domain) -> bool {
        let doing = format!("cannot ask the guest agent of \"{}\"", domain.name);
        let source = flags::interface_source::AGENT;
        let read = self.look(cx, &doing, |c| async move {
            c.domain_interface_addresses(domain, source, 0).await
        });
        let Ok(found) = read.await else { return false };
        let addresses = Addresses::of(&found, "guest_agent");
        let mut asked = self.agents.lock();
        let Some(entry) = asked.get_mut(&domain.uuid).filter(|e| e.id == domain.id) else {
            return false;
        };
        let changed = entry.addresses != addresses;
        entry.addresses = addresses;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a43_a_guest_cannot_claim_without_limit() {
        let mut all = Addresses::default();
        for n in 0..1000_u32 {
            all.add("52:54:00:AA:00:01", &std::net::Ipv4Addr::from(n).to_string(), "guest_agent");
        }
        all.add("52:54:00:aa:00:01", "not an address", "guest_agent");
        assert_eq!(all.0["52:54:00:aa:00:01"].len(), MAX_ADDRESSES);
    }
}
