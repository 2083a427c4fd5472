//! Clusters: providers that are many hosts under one authority, with a health and features of
//! their own.
//!
//! ```text
//!   reconcile/clusters ──asks──► Cluster::report ──► Known (the last report, its age)
//!                                                      │ + what administrators declared
//!   list, get ◄── ClusterView ◄────────────────────────┘
//!   rotate: the new connection is asked first; only one that is let in, to the same
//!           cluster, takes the place of the old one
//! ```

mod known;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::cluster::{DECLARED_MAX, Report};
use hostler_core::error::Fault;
use hostler_core::id::ProviderId;
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, Inventory, Provider};
use hostler_store::{ProviderRow, SealedSecret};
use tokio::task::JoinSet;

pub(crate) use known::ClustersKnown;
pub(crate) use view::all;
pub use view::{ClusterSource, ClusterView, Given, Wanted};

use crate::fleet::KnownRefs;
use crate::fleet::snapshot::Snapshot;
use crate::{Freshness, Inner, Listed, collect};

/// How many connections are tried at once, over all clusters.
const TRIALS_MAX: usize = 4;
/// The longest name of hardware, in bytes: a label's of Kubernetes with its prefix.
const HARDWARE_NAME_MAX: usize = 253;

/// Clusters.
pub struct Clusters<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Clusters<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them, each compared with what is `wanted`, or those alone that have all of it;
    /// fields are [`ClusterView::FIELDS`].
    pub fn list(
        &self,
        request: &ListRequest,
        wanted: &Wanted,
        only_fitting: bool,
    ) -> Listed<Arc<ClusterView>> {
        let snapshot = self.engine.fleet.snapshot();
        let mut views = view::all(self.engine, &snapshot, wanted);
        // What asks for nothing is nothing that a cluster could lack.
        views.retain(|view| !only_fitting || view.fits().unwrap_or(true));
        view::beside(&snapshot, &mut views);
        let views: Vec<Arc<ClusterView>> = views.into_iter().map(Arc::new).collect();
        let mut listed = Inner::list(&snapshot, views.iter(), request);
        let old = views.iter().filter(|view| view.stale);
        let old = old.map(|view| Freshness::Stale { since: view.reported_at });
        listed.freshness = old.fold(Freshness::Fresh, Freshness::and);
        listed.observed_at = views.iter().filter_map(|view| view.reported_at).min();
        listed
    }

    /// One of them, compared with what is `wanted`.
    ///
    /// # Errors
    /// `cluster_not_found`.
    pub fn get(&self, id: ProviderId, wanted: &Wanted) -> Result<ClusterView> {
        let snapshot = self.engine.fleet.snapshot();
        let mut one = [self.one(&snapshot, id, wanted)?];
        view::beside(&snapshot, &mut one);
        let [one] = one;
        Ok(one)
    }

    /// The same without what is to be noticed beside others, for who looks at the cluster alone.
    fn alone(&self, id: ProviderId) -> Result<ClusterView> {
        self.one(&self.engine.fleet.snapshot(), id, &Wanted::default())
    }

    fn one(&self, snapshot: &Snapshot, id: ProviderId, wanted: &Wanted) -> Result<ClusterView> {
        view::one(self.engine, snapshot, id, wanted).ok_or_else(|| {
            Error::new(Code::ClusterNotFound, format!("there is no cluster with the id {id}"))
        })
    }

    /// Asks a cluster over a connection that nobody else uses, and keeps nothing. How long it
    /// took is told with it.
    ///
    /// # Errors
    /// `capability_missing` where it is no cluster; `provider_timeout`; `rate_limited` while
    /// too many are being tried.
    pub async fn test(
        &self,
        actor: &Actor,
        provider: &Arc<dyn Provider>,
    ) -> Result<(Report, Duration)> {
        access::may(actor, Permission::ProviderManage)?;
        let trials = self.engine.clusters.trials();
        let Ok(_turn) = trials.try_acquire() else {
            let message = format!("{TRIALS_MAX} clusters are being tried already");
            return Err(Error::new(Code::RateLimited, message));
        };
        let began = tokio::time::Instant::now();
        let report = ask(self.engine, provider).await?;
        Ok((report, began.elapsed()))
    }

    /// Adds a cluster that is reached by a sealed secret.
    ///
    /// # Errors
    /// As [`crate::Providers::add`].
    pub async fn add(
        &self,
        actor: &Actor,
        row: ProviderRow,
        provider: Arc<dyn Provider>,
        secret: &SealedSecret,
    ) -> Result<ClusterView> {
        access::may(actor, Permission::ProviderManage)?;
        let id = row.id;
        let message = format!("cluster {} was added by {actor}", row.name);
        let event = self.event("provider.added", id, &row.name, message);
        self.engine.store.insert_provider_with_secret(&row, secret, &[event]).await?;
        self.engine.bus.poke();
        self.engine.providers().attach(row, provider).await?;
        self.get(id, &Wanted::default())
    }

    /// Reaches a cluster by another secret from now on, if the cluster lets us in by it and
    /// is the same one. What is known of it stays.
    ///
    /// # Errors
    /// With why it cannot be used; nothing changed then.
    pub async fn rotate(
        &self,
        actor: &Actor,
        id: ProviderId,
        uri: &str,
        provider: Arc<dyn Provider>,
        secret: &SealedSecret,
    ) -> Result<ClusterView> {
        let view = self.alone(id)?;
        let name = view.provider.row.name.clone();
        if view.source() != ClusterSource::Secret {
            let message = format!(
                "cluster {name} was not added by a kubeconfig; change what its address {} names",
                view.provider.row.uri
            );
            return Err(Error::new(Code::ProviderConflict, message));
        }
        let (report, _) = self.test(actor, &provider).await?;
        report.lets_us_in().map_err(|reasons| not_let_in(&name, &report, reasons))?;
        self.check_same(id, &name, &provider).await?;

        let _one_at_a_time = self.engine.clusters.changing().await;
        let message = format!("cluster {name} was given another kubeconfig by {actor}");
        let event = self.event("cluster.kubeconfig_replaced", id, &name, message);
        self.engine.store.replace_provider_secret(id, uri, secret, &[event]).await?;
        self.engine.clusters.give(id, Some(secret.into()));
        let was_measured =
            self.engine.fleet.provider(id).is_some_and(|old| collect::has_passes(&old));
        self.engine.fleet.reconnect(id, uri, provider);
        if !was_measured {
            // One that could not be opened has no passes, so that none was begun when it was
            // attached.
            collect::watch_provider(self.engine, id);
        }
        self.engine.bus.poke();
        crate::reconcile::cluster_told(self.engine, id, report).await;
        self.get(id, &Wanted::default())
    }

    /// Takes what an administrator says of some of a cluster's hardware; `None` takes back what
    /// was said of it before. What was said of other hardware stays, so that of two who declare
    /// at once neither loses a word (E15).
    ///
    /// # Errors
    /// With each fault of the names; `cluster_not_found`.
    pub async fn declare(
        &self,
        actor: &Actor,
        id: ProviderId,
        said: BTreeMap<String, Option<bool>>,
    ) -> Result<ClusterView> {
        access::may(actor, Permission::ProviderManage)?;
        check_hardware(&said)?;
        let _one_at_a_time = self.engine.clusters.changing().await;
        let before = self.alone(id)?;
        let hardware = with_said(before.declared, said);
        check_count(hardware.len(), "would be declared then")?;
        let name = before.provider.row.name.clone();
        let message = format!("the hardware of cluster {name} was declared by {actor}");
        let event = self.event("cluster.hardware_declared", id, &name, message);
        self.engine.store.declare_hardware(id, &hardware, &[event]).await?;
        self.engine.clusters.declare(id, hardware);
        self.engine.bus.poke();
        self.get(id, &Wanted::default())
    }

    /// Removes a cluster; see [`crate::Providers::remove`].
    ///
    /// # Errors
    /// As that; `cluster_not_found` for a provider that is no cluster.
    pub async fn remove(&self, actor: &Actor, id: ProviderId) -> Result<()> {
        self.alone(id)?;
        self.engine.providers().remove(actor, id).await
    }

    /// Whether what is reached is what was reached before: something of it is known, also from
    /// before the server started. Where there is nothing to compare, nobody can tell.
    async fn check_same(
        &self,
        id: ProviderId,
        name: &str,
        provider: &Arc<dyn Provider>,
    ) -> Result<()> {
        let known = self.engine.fleet.known_refs(id);
        if known.vms.is_empty() && known.hosts.is_empty() {
            return Ok(());
        }
        let cx =
            Cx::within(self.engine.pace.cluster_deadline).with_clock(self.engine.clock.clone());
        let driver = provider.clone();
        let seen = apart(async move { cx.run("inventory", driver.inventory(&cx)).await }).await?;
        let Some(what) = strangers(&known, &seen) else { return Ok(()) };
        let message = format!(
            "the kubeconfig leads to another cluster: none of the {what} that are seen by it is \
             one of {name}; add it as a cluster of its own, or, if it is the same one, look at \
             namespaces whose VMs are known"
        );
        Err(Error::new(Code::ProviderConflict, message))
    }

    fn event(
        &self,
        kind: &str,
        id: ProviderId,
        name: &str,
        message: String,
    ) -> hostler_store::NewEvent {
        self.engine.event(kind, ("provider", id.to_string(), name), message)
    }
}

/// The word for what is seen of a place and shows that it is another one than what is known,
/// because none of it is known.
fn strangers(known: &KnownRefs, seen: &Inventory) -> Option<&'static str> {
    let vms: Vec<&str> = seen.vms.iter().map(|vm| vm.external_ref.as_str()).collect();
    // A host may be known by its mere name, which it shares with hosts of other clusters
    // (`master-0`). So VMs decide where both sides have some.
    if !known.vms.is_empty() && !vms.is_empty() {
        return (!vms.iter().any(|one| known.vms.contains(*one))).then_some("VMs");
    }
    let mut hosts = seen.hosts.iter().map(|host| host.host.external_ref.as_str()).peekable();
    if known.hosts.is_empty() || hosts.peek().is_none() {
        return None;
    }
    (!hosts.any(|one| known.hosts.contains(one))).then_some("hosts")
}

/// Asks a cluster within the engine's deadline.
pub(crate) async fn ask(engine: &Inner, provider: &Arc<dyn Provider>) -> Result<Report> {
    let cx = Cx::within(engine.pace.cluster_deadline).with_clock(engine.clock.clone());
    let driver = provider.clone();
    apart(async move {
        let Some(cluster) = driver.cluster() else {
            let message = "it does not tell how it is";
            return Err(hostler_provider::Error::new(hostler_provider::Kind::Unsupported, message));
        };
        cx.run("ask the cluster how it is", cluster.report(&cx)).await
    })
    .await
}

/// In a task of its own: a driver that panics is a driver that does not answer.
async fn apart<T: Send + 'static>(
    call: impl Future<Output = hostler_provider::Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = JoinSet::new();
    task.spawn(call);
    match task.join_next().await {
        Some(Ok(ended)) => ended.map_err(Into::into),
        Some(Err(panic)) => {
            Err(Error::new(Code::ProviderBug, "the driver failed").with_internal(panic.to_string()))
        }
        None => Err(Error::bug("nobody was asked")),
    }
}

fn not_let_in(name: &str, report: &Report, reasons: &[hostler_core::cluster::Reason]) -> Error {
    let why: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
    let (code, what) = match report.health {
        hostler_core::cluster::Health::Unreachable | hostler_core::cluster::Health::Unknown => {
            (Code::ProviderUnavailable, "cannot be reached")
        }
        _ => (Code::ProviderDenied, "does not know us"),
    };
    let message = format!("by this kubeconfig cluster {name} {what}: {}", why.join("; "));
    Error::new(code, message)
}

/// What is declared when this was said, too.
fn with_said(
    mut declared: BTreeMap<String, bool>,
    said: BTreeMap<String, Option<bool>>,
) -> BTreeMap<String, bool> {
    for (name, is_there) in said {
        match is_there {
            Some(is_there) => declared.insert(name, is_there),
            None => declared.remove(&name),
        };
    }
    declared
}

fn check_count(count: usize, what: &str) -> Result<()> {
    if count <= DECLARED_MAX {
        return Ok(());
    }
    let detail = format!("{count} {what}, and at most {DECLARED_MAX} are taken");
    Err(Error::faults(Code::SpecInvalid, vec![Fault::new("/hardware", "too_many", detail)]))
}

fn check_hardware(hardware: &BTreeMap<String, Option<bool>>) -> Result<()> {
    check_count(hardware.len(), "are named")?;
    let faults: Vec<Fault> = hardware
        .keys()
        .filter(|name| !is_hardware_name(name))
        .map(|name| {
            let pointer = format!("/hardware/{}", name.replace('~', "~0").replace('/', "~1"));
            let detail = format!(
                "must be 1 to {HARDWARE_NAME_MAX} letters, digits and any of - _ . / as in \
                 nvidia.com/TU104GL"
            );
            Fault::new(pointer.chars().take(300).collect::<String>(), "bad_name", detail)
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
}

fn is_hardware_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !name.is_empty() && name.len() <= HARDWARE_NAME_MAX && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e15_hardware_is_declared_by_names_that_resources_have() {
        for good in ["kvm", "nvidia.com/TU104GL", "hugepages-1Gi", "feature.node/cpu_vmx"] {
            assert!(is_hardware_name(good), "{good}");
        }
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(254)] {
            assert!(!is_hardware_name(bad), "{bad:?}");
        }
        let one = |name: &str| BTreeMap::from([(name.to_owned(), Some(true))]);
        let error = check_hardware(&one("a b/c")).unwrap_err();
        assert_eq!(error.fault_list()[0].pointer, "/hardware/a b~1c");
        let many: BTreeMap<_, _> =
            (0..=DECLARED_MAX).map(|n| (format!("h{n}"), Some(true))).collect();
        assert_eq!(check_hardware(&many).unwrap_err().fault_list()[0].code, "too_many");
    }

    #[tokio::test]
    async fn e15_who_declares_waits_for_who_is_changing_a_cluster() {
        let engine = crate::inner::bare().await;
        let (clusters, by) = (Clusters::new(&engine), Actor::system());
        let _changing = engine.clusters.changing().await;
        let declaring = clusters.declare(&by, engine.ids.next(ProviderId::new), BTreeMap::new());
        assert!(tokio::time::timeout(Duration::from_millis(50), declaring).await.is_err());
    }
}
