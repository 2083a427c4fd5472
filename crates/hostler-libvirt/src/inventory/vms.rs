//! A host's VMs: how they are listed together, and how one is looked at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::vm::{Governance, ObservedVm};
use hostler_core::{Fact, Timestamp};
use hostler_libvirt_rpc::{Domain as Reference, Uuid, flags};
use hostler_provider::{Cx, Error, Kind, Result, VmRef};
use tokio::time::Instant;

use super::addresses::Addresses;
use super::cache::Known;
use super::host::SOURCE;
use super::{PARALLEL, if_able, optional, present};
use crate::connection::{Link, domain_of};
use crate::metrics::stats;
use crate::state::State;
use crate::xml::domain::facets::Facets;
use crate::xml::domain::read::Domain;

/// The states of all VMs come in one call, which is quick as no guest is asked.
const STATES_PATIENCE: Duration = Duration::from_secs(5);
/// One VM whose state cannot be read must not delay the others much,
const STATE_PATIENCE: Duration = Duration::from_secs(5);
/// nor one whose configuration cannot be read.
const XML_PATIENCE: Duration = Duration::from_secs(5);

/// What lists tell about all VMs at once. `None`: this driver does not tell.
struct Lists {
    persistent: Option<HashSet<Uuid>>,
    autostart: Option<HashSet<Uuid>>,
    saved: Option<HashSet<Uuid>>,
    states: HashMap<Uuid, State>,
}

/// What is known of one VM besides its configuration.
struct Seen {
    state: State,
    persistent: Option<bool>,
    autostart: Option<bool>,
    at: Timestamp,
}

impl Link {
    /// All VMs of the host.
    pub(super) async fn vms(
        &self,
        cx: &Cx,
        host: &str,
        leases: &Addresses,
    ) -> Result<Vec<ObservedVm>> {
        self.cache.keep_all();
        let (before, since) = (self.cache.ticket(), Instant::now());
        let all = self.list(cx, 0).await?;
        let listed = all.iter().map(|domain| domain.uuid).collect();
        self.cache.retain(before, &listed);
        self.agents.retain(since, &listed);
        let lists = Lists {
            persistent: self.listed(cx, flags::list_domains::PERSISTENT).await?,
            autostart: self.listed(cx, flags::list_domains::AUTOSTART).await?,
            saved: self.listed(cx, flags::list_domains::MANAGED_SAVE).await?,
            states: self.states(cx).await?,
        };
        let lists = &lists;
        let read = stream::iter(all).map(|domain| async move {
            present(self.listed_vm(cx, host, &domain, lists, leases).await)
        });
        let found: Vec<Option<ObservedVm>> = read.buffered(PARALLEL).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn list(&self, cx: &Cx, flags: u32) -> Result<Vec<Reference>> {
        let doing = "cannot list VMs";
        self.look(cx, doing, |c| async move { c.list_all_domains(flags).await }).await
    }

    /// Those that a filter lets through; `None` where the driver has no such filter.
    async fn listed(&self, cx: &Cx, flags: u32) -> Result<Option<HashSet<Uuid>>> {
        let list = if_able(self.list(cx, flags).await)?;
        Ok(list.map(|list| list.into_iter().map(|domain| domain.uuid).collect()))
    }

    /// The states of all in one call; whoever is missing is asked for singly.
    async fn states(&self, cx: &Cx) -> Result<HashMap<Uuid, State>> {
        let cx = cx.at_most(STATES_PATIENCE);
        let stats = self.look(&cx, "cannot read states", |c| async move {
            c.all_domain_stats(&[], flags::stats::STATE, 0).await
        });
        match stats.await {
            Ok(stats) => Ok(stats
                .iter()
                .filter_map(|stats| Some((stats.domain.uuid, stats::state(stats)?)))
                .collect()),
            // A driver without it, or a guest that holds it up: ask one by one.
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Timeout) => {
                Ok(HashMap::new())
            }
            Err(error) => Err(error),
        }
    }

    async fn listed_vm(
        &self,
        cx: &Cx,
        host: &str,
        domain: &Reference,
        lists: &Lists,
        leases: &Addresses,
    ) -> Result<ObservedVm> {
        let state = match lists.states.get(&domain.uuid) {
            Some(state) => *state,
            None => {
                let state = self.state_of(&cx.at_most(STATE_PATIENCE), domain).await;
                unless_silent(state, cx.remaining())?
            }
        };
        let has = |set: &Option<HashSet<Uuid>>| set.as_ref().map(|s| s.contains(&domain.uuid));
        let seen = Seen {
            state: state.with_saved_memory(has(&lists.saved).unwrap_or(false)),
            persistent: has(&lists.persistent),
            autostart: has(&lists.autostart),
            at: cx.now(),
        };
        let known = match self.cache.fresh(domain) {
            Some(known) => Ok(known),
            None => self.read(&cx.at_most(XML_PATIENCE), domain).await,
        };
        let known = match known {
            Err(error) if self.concerns_all(error.kind(), domain) => return Err(error),
            known => known,
        };
        let agent = self.guest_addresses(domain, known.as_ref().ok());
        let mut vm = self.assemble(host, domain, &known, &seen);
        leases.apply(&mut vm);
        agent.apply(&mut vm);
        Ok(vm)
    }

    /// Whether an inventory ends here because a configuration could not be read.
    /// A hypervisor that went away under one VM is told as that VM's alone; when
    /// nothing was ever read of it, the host may as well have gone away.
    fn concerns_all(&self, kind: Kind, domain: &Reference) -> bool {
        match kind {
            Kind::NotFound | Kind::Cancelled => true,
            Kind::Unavailable => self.cache.last(domain.uuid).is_none(),
            _ => false,
        }
    }

    /// State and reason of one VM.
    pub(crate) async fn state_of(&self, cx: &Cx, domain: &Reference) -> Result<State> {
        let doing = format!("cannot read the state of \"{}\"", domain.name);
        let state = self.look(cx, &doing, |c| async move { c.domain_state(domain).await }).await?;
        Ok(State::of(state.state, state.reason))
    }

    /// Reads and keeps the configuration of one VM.
    pub(crate) async fn read(&self, cx: &Cx, domain: &Reference) -> Result<Known> {
        let ticket = self.cache.ticket();
        let doing = format!("cannot read the configuration of \"{}\"", domain.name);
        let xml = self.look(cx, &doing, |c| async move { c.domain_xml(domain, 0).await }).await?;
        let mut read = Domain::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        read.waits = match (read.id, &read.tag) {
            (None, _) => Some(false),
            // Twice the documents, so only of those that Hostler can change.
            (Some(_), Some(_)) => self.waits(cx, domain, &doing, &xml).await?,
            (Some(_), None) => None,
        };
        let known = Known { domain: Arc::new(read), at: cx.now() };
        self.cache.put(ticket, domain, known.clone());
        Ok(known)
    }

    /// Whether something of a VM that runs waits for its next start; `None` where its
    /// definition does not tell.
    async fn waits(
        &self,
        cx: &Cx,
        domain: &Reference,
        doing: &str,
        live: &str,
    ) -> Result<Option<bool>> {
        let inactive = flags::domain_xml::INACTIVE;
        let next = self.look(cx, doing, |c| async move { c.domain_xml(domain, inactive).await });
        let next = match next.await {
            Ok(next) => next,
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Cancelled) => {
                return Err(error);
            }
            // What runs is known all the same.
            Err(_) => return Ok(None),
        };
        let read = Facets::read(live).ok().zip(Facets::read(&next).ok());
        Ok(read.map(|(live, next)| live.waits_for(&next)))
    }

    /// Looks at one VM now; `None` when it is not there.
    pub(crate) async fn observe_vm(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>> {
        let Some(wanted) = present(domain_of(vm))? else { return Ok(None) };
        let doing = format!("cannot look at {vm}");
        let found = self.look(cx, &doing, |c| async move {
            let domain = c.domain_lookup_by_uuid(wanted.uuid).await?;
            let state = c.domain_state(&domain).await?;
            Ok((domain, state))
        });
        let Some((domain, state)) = present(found.await)? else { return Ok(None) };
        let host = self.host(cx).await?;
        let of = &domain;
        let details = self.look(cx, &doing, |c| async move {
            let saved = optional(c.domain_has_managed_save(of, 0).await)?;
            let persistent = optional(c.domain_is_persistent(of).await)?;
            Ok((saved, persistent, optional(c.domain_autostart(of).await)?))
        });
        let Some((saved, persistent, autostart)) = present(details.await)? else {
            return Ok(None);
        };
        let state = State::of(state.state, state.reason).with_saved_memory(saved == Some(true));
        let seen = Seen { state, persistent, autostart, at: cx.now() };
        let known = self.read(cx, &domain).await;
        if matches!(&known, Err(error) if error.kind() == Kind::NotFound) {
            return Ok(None);
        }
        let mut vm = self.assemble(&host.reference, &domain, &known, &seen);
        if domain.is_active() {
            self.domain_leases(cx, &domain).await.apply(&mut vm);
            self.guest_addresses(&domain, known.as_ref().ok()).apply(&mut vm);
        }
        Ok(Some(vm))
    }

    fn assemble(
        &self,
        host: &str,
        domain: &Reference,
        known: &Result<Known>,
        seen: &Seen,
    ) -> ObservedVm {
        // What was read earlier is better than nothing, as long as it says so.
        let (known, why) = match known {
            Ok(known) => (Some(known.clone()), None),
            Err(error) => (self.cache.last(domain.uuid), Some(error.message().to_owned())),
        };
        let config = Config { known: known.as_ref(), why: why.as_deref() };
        let flag = |value: Option<bool>| match value {
            Some(value) => Fact::seen(value, SOURCE, seen.at),
            None => Fact::unsupported(SOURCE, "this libvirt driver does not tell it"),
        };
        ObservedVm {
            external_ref: domain.uuid.to_string(),
            host_ref: Some(host.to_owned()),
            name: domain.name.clone(),
            namespace: None,
            governance: Governance::default(),
            tag: known.as_ref().and_then(|k| k.domain.tag.clone()),
            power: seen.state.power,
            power_reason: seen.state.reason.to_owned(),
            message: None,
            observed_at: seen.at,
            persistent: flag(seen.persistent),
            autostart: flag(seen.autostart),
            // libvirt has no such thing.
            instance_type: None,
            preference: None,
            cpu_count: config.fact(|d| d.cpu_count),
            cpu_max: config.fact(|d| d.cpu_max),
            memory_bytes: config.fact(|d| d.memory_bytes),
            memory_max_bytes: config.fact(|d| d.memory_max_bytes),
            arch: config.fact(|d| d.arch.clone()),
            machine: config.fact(|d| d.machine.clone()),
            hypervisor: config.fact(|d| d.kind.clone()),
            firmware: config.fact(|d| d.firmware.map(str::to_owned)),
            disks: config.fact(|d| Some(d.disks.clone())),
            nics: config.fact(|d| Some(d.nics.clone())),
            primary_address: None,
            consoles: config.fact(|d| Some(d.consoles.clone())),
            needs_restart: match config.fact(|d| Some(d.waits)) {
                fact if fact.value() == Some(&None) => Fact::unsupported(
                    SOURCE,
                    "what runs was not compared with what is defined; it is for VMs that Hostler made",
                ),
                _ => config.fact(|d| d.waits),
            },
            guest: Fact::unsupported(
                SOURCE,
                "this libvirt driver does not ask guests who they are",
            ),
            description: known.as_ref().and_then(|k| k.domain.description.clone()),
            blocked: known.as_ref().map(|k| k.domain.blocked.clone()).unwrap_or_default(),
            kept_by: Vec::new(),
            cautions: Vec::new(),
        }
    }
}

/// A configuration, or why there is none.
struct Config<'a> {
    known: Option<&'a Known>,
    /// Why it could not be read now.
    why: Option<&'a str>,
}

impl Config<'_> {
    fn fact<T>(&self, value: impl FnOnce(&Domain) -> Option<T>) -> Fact<T> {
        let Some(known) = self.known else {
            return Fact::unavailable(SOURCE, self.why.unwrap_or("it was not read"));
        };
        let fact = match value(&known.domain) {
            Some(value) => Fact::seen(value, SOURCE, known.at),
            None => Fact::unsupported(SOURCE, "the VM's configuration does not tell it"),
        };
        match self.why {
            Some(why) => fact.into_stale(why),
            None => fact,
        }
    }
}

/// The state of a VM that may keep its answer to itself: then it alone is
/// unknown, as long as there is time left to hear of the others.
fn unless_silent(told: Result<State>, left: Duration) -> Result<State> {
    match told {
        Err(error) if error.kind() == Kind::Timeout && !left.is_zero() => Ok(State::SILENT),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::vm::PowerState;
    use tokio::sync::mpsc;

    use super::*;
    use crate::LibvirtConfig;

    /// A link that nobody connects.
    fn link() -> Link {
        Link::new(LibvirtConfig::new("test:///default"), mpsc::channel(1).0)
    }

    fn listed() -> Reference {
        Reference { name: "a".into(), ..Reference::by_uuid(Uuid([1; 16])) }
    }

    fn has_read(link: &Link) {
        let domain = Domain::read("<domain><name>a</name></domain>").unwrap();
        let known = Known { domain: Arc::new(domain), at: Timestamp::from_millis(1) };
        link.cache.keep_all();
        link.cache.put(link.cache.ticket(), &listed(), known);
    }

    #[tokio::test(start_paused = true)]
    async fn x17_a_vm_that_was_never_read_is_not_told_to_bear_no_mark() {
        let link = link();
        let state = State::SILENT;
        let seen = Seen { state, persistent: None, autostart: None, at: Timestamp::from_millis(2) };
        let late = Err(Error::new(Kind::Timeout, "no answer"));
        assert!(!link.assemble("h", &listed(), &late, &seen).is_read());
        has_read(&link);
        assert!(link.assemble("h", &listed(), &late, &seen).is_read(), "it was told earlier");
    }

    #[tokio::test(start_paused = true)]
    async fn f7_a_hypervisor_that_went_away_hides_no_vm_but_its_own() {
        let link = link();
        assert!(link.concerns_all(Kind::Unavailable, &listed()));
        has_read(&link);
        assert!(!link.concerns_all(Kind::Unavailable, &listed()));
        assert!(!link.concerns_all(Kind::Timeout, &listed()));
        assert!(link.concerns_all(Kind::Cancelled, &listed()));
    }

    #[test]
    fn f7_a_vm_that_keeps_its_state_to_itself_hides_no_other() {
        let late = || Err(Error::new(Kind::Timeout, "no answer"));
        let second = Duration::from_secs(1);
        assert_eq!(unless_silent(late(), second).unwrap().power, PowerState::Unknown);
        // With no time left nobody knows whose silence it was.
        assert_eq!(unless_silent(late(), Duration::ZERO).unwrap_err().kind(), Kind::Timeout);
        let gone = Err(Error::new(Kind::NotFound, "gone"));
        assert_eq!(unless_silent(gone, second).unwrap_err().kind(), Kind::NotFound);
    }
}
