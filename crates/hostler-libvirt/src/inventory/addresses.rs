//! Addresses of guests: from DHCP leases, which the host gives, and from the
//! guest agent, which the guest says (A43).
//!
//! Leases are a quick look into a file of the host. The agent may take seconds
//! or for ever, so nobody waits for it: what it said last is told, and it is
//! asked again in the background, a few guests at a time.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::vm::ObservedVm;
use hostler_core::vm::observed::ObservedAddress;
use hostler_libvirt_rpc::{Connection, Domain, DomainInterface, Uuid, flags};
use hostler_provider::Cx;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::PARALLEL;
use super::cache::Known;
use super::networks::ListedNetwork;
use crate::connection::Link;

/// How long a lookup of leases may take.
const LEASES_PATIENCE: Duration = Duration::from_secs(2);
/// How often an agent is asked.
const AGENT_PERIOD: Duration = Duration::from_secs(30);
/// How soon an agent is asked again that knew no address: its guest may be booting.
const AGENT_AGAIN: Duration = Duration::from_secs(3);
/// How long libvirt waits for the agent of a VM of ours, in seconds. Its own
/// default is to wait for ever once the agent has answered a first greeting.
const AGENT_ANSWER_S: i32 = 5;
/// How long an agent's word holds when no newer one comes.
const AGENT_BELIEVED: Duration = Duration::from_secs(300);
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
///
/// ```text
///   (not connected) ──► waiting ──► answered ─┐ 30 s, or 3 s without addresses
///                        ▲   └────► silent ───┤ 30 s
///                        └────────────────────┘
/// ```
pub(crate) struct Agents {
    state: Mutex<HashMap<Uuid, Asked>>,
    /// Guests to be asked; full means that they are asked later.
    queue: mpsc::Sender<Domain>,
}

struct Asked {
    /// The domain's number then: another run of the guest may have other addresses.
    id: i32,
    /// When it was put into the queue, or what became of that.
    at: Instant,
    stage: Stage,
    /// What it said last, and when.
    addresses: Addresses,
    told: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In the queue, or being asked. Never asked twice at a time: a guest whose
    /// agent hangs would else take one place after the other.
    Waiting,
    Answered,
    Silent,
}

impl Agents {
    pub(crate) fn new(queue: mpsc::Sender<Domain>) -> Self {
        Self { state: Mutex::default(), queue }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Asked>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the agent said last; has it asked anew when that is long ago.
    fn told(&self, domain: &Domain) -> Addresses {
        let mut asked = self.lock();
        let entry = asked.get_mut(&domain.uuid).filter(|entry| entry.id == domain.id);
        let told = entry.as_ref().map(|entry| entry.believed()).unwrap_or_default();
        if entry.as_ref().is_none_or(|entry| entry.is_due())
            && self.queue.try_send(domain.clone()).is_ok()
        {
            let (at, stage) = (Instant::now(), Stage::Waiting);
            match entry {
                Some(entry) => (entry.at, entry.stage) = (at, stage),
                None => {
                    let new = Asked { id: domain.id, at, stage, addresses: told.clone(), told: at };
                    asked.insert(domain.uuid, new);
                }
            }
        }
        told
    }

    /// Keeps what the agent said, `None` being silence; tells whether that is
    /// something else than before.
    fn said(&self, domain: &Domain, addresses: Option<Addresses>) -> bool {
        let mut asked = self.lock();
        let Some(entry) = asked.get_mut(&domain.uuid).filter(|e| e.id == domain.id) else {
            return false;
        };
        entry.at = Instant::now();
        let Some(addresses) = addresses else {
            entry.stage = Stage::Silent;
            return false;
        };
        let changed = entry.believed() != addresses;
        (entry.stage, entry.addresses, entry.told) = (Stage::Answered, addresses, entry.at);
        changed
    }

    fn forget(&self, uuid: Uuid) {
        self.lock().remove(&uuid);
    }

    /// Forgets guests that are not in a list which was asked for at `since`.
    pub(super) fn retain(&self, since: Instant, present: &HashSet<Uuid>) {
        self.lock().retain(|uuid, asked| present.contains(uuid) || asked.at >= since);
    }
}

impl Asked {
    fn is_due(&self) -> bool {
        let period = match self.stage {
            Stage::Waiting => return false,
            Stage::Answered if self.addresses.0.is_empty() => AGENT_AGAIN,
            Stage::Answered | Stage::Silent => AGENT_PERIOD,
        };
        self.at.elapsed() >= period
    }

    /// An agent that fell silent does not vouch for its guest for ever.
    fn believed(&self) -> Addresses {
        if self.told.elapsed() < AGENT_BELIEVED {
            self.addresses.clone()
        } else {
            Addresses::default()
        }
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
            self.agents.forget(domain.uuid);
            return Addresses::default();
        }
        self.agents.told(domain)
    }

    /// Asks one agent; tells whether its addresses are others than before.
    pub(crate) async fn ask_agent(&self, cx: &Cx, domain: &Domain) -> bool {
        let doing = format!("cannot ask the guest agent of \"{}\"", domain.name);
        let source = flags::interface_source::AGENT;
        let is_ours = self.cache.last(domain.uuid).is_some_and(|known| known.is_of(domain.uuid));
        let read = self.look(cx, &doing, |c| async move {
            if is_ours {
                limit_agent(&c, domain).await?;
            }
            c.domain_interface_addresses(domain, source, 0).await
        });
        let found = read.await.ok().map(|found| Addresses::of(&found, "guest_agent"));
        self.agents.said(domain, found)
    }
}

/// Lets libvirt give up on an agent that accepts a command and never answers.
/// Only for VMs of ours: the limit holds for everybody who asks the agent, so a
/// VM that is not ours would be changed by being looked at (I15).
pub(crate) async fn limit_agent(
    connection: &Connection,
    domain: &Domain,
) -> hostler_libvirt_rpc::Result<()> {
    match connection.domain_agent_set_response_timeout(domain, AGENT_ANSWER_S, 0).await {
        // A libvirt before 5.10 has no such limit; it is asked all the same.
        Err(error) if error.remote().is_none() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "52:54:00:aa:00:01";

    fn guest(id: i32) -> Domain {
        Domain { name: "a".into(), id, ..Domain::by_uuid(Uuid([1; 16])) }
    }

    fn some(address: &str) -> Option<Addresses> {
        let mut all = Addresses::default();
        all.add(MAC, address, "guest_agent");
        Some(all)
    }

    /// How many guests are in the queue; takes them out.
    fn asked(queue: &mut mpsc::Receiver<Domain>) -> usize {
        std::iter::from_fn(|| queue.try_recv().ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn f7_an_agent_that_does_not_answer_is_asked_once() {
        let (sender, mut queue) = mpsc::channel(8);
        let agents = Agents::new(sender);
        for _ in 0..100 {
            assert_eq!(agents.told(&guest(1)), Addresses::default());
            tokio::time::advance(AGENT_PERIOD).await;
        }
        assert_eq!(asked(&mut queue), 1);
        // libvirt has given up on it: the pause begins only now.
        assert!(!agents.said(&guest(1), None));
        agents.told(&guest(1));
        assert_eq!(asked(&mut queue), 0);
        tokio::time::advance(AGENT_PERIOD).await;
        agents.told(&guest(1));
        assert_eq!(asked(&mut queue), 1);
        // Another run of the guest has another agent.
        agents.told(&guest(2));
        assert_eq!(asked(&mut queue), 1);
        assert!(!agents.said(&guest(1), some("10.0.0.9")), "of the run before");
        assert_eq!(agents.told(&guest(2)), Addresses::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a43_an_agent_without_addresses_is_asked_again_soon() {
        let (sender, mut queue) = mpsc::channel(8);
        let agents = Agents::new(sender);
        agents.told(&guest(1));
        assert!(!agents.said(&guest(1), Some(Addresses::default())));
        tokio::time::advance(AGENT_AGAIN).await;
        agents.told(&guest(1));
        assert!(agents.said(&guest(1), some("10.0.0.9")));
        assert_eq!(asked(&mut queue), 2);
        tokio::time::advance(AGENT_AGAIN).await;
        assert_eq!(Some(agents.told(&guest(1))), some("10.0.0.9"));
        assert_eq!(asked(&mut queue), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn x17_the_word_of_an_agent_that_fell_silent_does_not_hold_for_ever() {
        let (sender, _queue) = mpsc::channel(8);
        let agents = Agents::new(sender);
        agents.told(&guest(1));
        agents.said(&guest(1), some("10.0.0.9"));
        agents.said(&guest(1), None);
        assert_eq!(Some(agents.told(&guest(1))), some("10.0.0.9"));
        tokio::time::advance(AGENT_BELIEVED).await;
        assert_eq!(agents.told(&guest(1)), Addresses::default());
        assert!(agents.said(&guest(1), some("10.0.0.9")), "which is news again");
    }

    #[tokio::test(start_paused = true)]
    async fn agents_of_guests_that_are_gone_are_forgotten() {
        let (sender, _queue) = mpsc::channel(8);
        let agents = Agents::new(sender);
        let before = Instant::now();
        tokio::time::advance(AGENT_AGAIN).await;
        agents.told(&guest(1));
        agents.retain(before, &HashSet::new());
        assert_eq!(agents.lock().len(), 1, "a list from before it was asked says nothing");
        tokio::time::advance(AGENT_AGAIN).await;
        agents.retain(Instant::now(), &HashSet::from([guest(1).uuid]));
        assert_eq!(agents.lock().len(), 1);
        agents.retain(Instant::now(), &HashSet::new());
        assert_eq!(agents.lock().len(), 0);
    }

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
