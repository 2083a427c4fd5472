//! A cluster as a provider.
//!
//! ```text
//!   link ──► Caller ──► fleet: VMs · instances · nodes, followed ──► hub ──► who watches
//!   (kubeconfig)  │        │
//!                 │        └──► inventory, observe: what is known, mapped
//!                 └──► probe, verbs, and a look while nothing is followed
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use hostler_core::Timestamp;
use hostler_provider::{
    Clones, Cluster, Configure, Console, Create, Cx, Disks, Error, InstanceTypes, Inventory, Kind,
    Metrics, Migrate, Power, Probe, Provider, Result, Snapshots, Storage, Watch,
};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::call::Caller;
use crate::config::KubeVirtConfig;
use crate::console::Consoles;
use crate::error::{Cause, word};
use crate::fleet::{Age, Everything, Shared};
use crate::installation;
use crate::link::without_effect;

/// The interface that is spoken.
const INTERFACE: &str = "kubevirt.io/v1";

/// A cluster with KubeVirt.
///
/// Making one never fails and never waits: it connects in the background, follows
/// the cluster, and reads the kubeconfig anew when the cluster does not know us any
/// more. Dropping it ends that, and its consoles; VMs run on.
pub struct KubeVirt {
    pub(crate) shared: Arc<Shared>,
    pub(crate) consoles: Arc<Consoles>,
    /// Dropping the set stops the tasks.
    _tasks: JoinSet<()>,
}

impl KubeVirt {
    /// Starts connecting. Must be called within a tokio runtime.
    pub fn new(config: KubeVirtConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        let mut tasks = JoinSet::new();
        tasks.spawn(shared.clone().keep());
        Self { shared, consoles: Arc::default(), _tasks: tasks }
    }

    async fn product(&self, cx: &Cx) -> Result<Probe> {
        let caller = self.shared.link.caller(cx).await?;
        let kubernetes = self.kubernetes(cx, &caller).await?;
        let kubevirt = self.kubevirt(cx, &caller).await?;
        let product = format!("KubeVirt {kubevirt}, Kubernetes {kubernetes}");
        Ok(Probe { product, version: INTERFACE.to_owned() })
    }

    /// The version of Kubernetes, which anybody may ask for.
    async fn kubernetes(&self, cx: &Cx, caller: &Caller) -> Result<String> {
        match caller.get_path(cx, "/version").await {
            Ok(reply) => {
                let version: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let told = version.get("gitVersion").and_then(Value::as_str).map(plain);
                told.ok_or_else(|| {
                    let message = "what answers there is no Kubernetes API; see the kubeconfig";
                    Error::new(Kind::Bug, message)
                })
            }
            Err(failure) if failure.cause == Cause::Forbidden => Ok("(version not told)".into()),
            Err(failure) => Err(self.shared.link.noted(failure)),
        }
    }

    /// The version of KubeVirt. Who may look at some namespaces only may not see it.
    async fn kubevirt(&self, cx: &Cx, caller: &Caller) -> Result<String> {
        match installation::look(caller, cx).await {
            Ok(Some(one)) if one.is_ambiguous => Ok("(several installations)".to_owned()),
            Ok(Some(one)) => {
                Ok(one.version.map_or_else(|| "(version not told)".to_owned(), |it| plain(&it)))
            }
            Ok(None) => {
                let message = "KubeVirt is not installed in this cluster; install it, or remove \
                               the cluster here";
                Err(Error::new(Kind::Unsupported, message))
            }
            Err(failure) if failure.cause == Cause::Forbidden => {
                Ok("(version not told)".to_owned())
            }
            Err(failure) => Err(self.shared.link.noted(failure)),
        }
    }

    /// Everything that is followed, once the cluster has shown that it answers: a
    /// watch may be dead for a minute before it is noticed.
    pub(crate) async fn mapped(&self, cx: &Cx) -> Result<Everything> {
        let shared = &self.shared;
        let caller = shared.link.caller(cx).await?;
        shared.fleet.listed(cx, &shared.link, &caller).await?;
        if let Err(failure) = caller.get_path(cx, "/version").await
            && failure.cause != Cause::Forbidden
        {
            return Err(shared.link.noted(failure));
        }
        shared.fleet.read_types(cx, &caller).await;
        self.known_or_listed(cx, &caller).await
    }

    async fn everything(&self, cx: &Cx) -> Result<Inventory> {
        let all = self.mapped(cx).await?;
        let caller = self.shared.link.caller(cx).await?;
        let vms = all.vms.into_iter().map(|mapped| mapped.vm).collect();
        let pools = self.pools(cx, &caller).await?;
        let networks = self.networks(cx, &caller).await?;
        let (hosts, stale) = (all.hosts, all.stale);
        Ok(Inventory { hosts, vms, pools, networks, stale, ..Inventory::default() })
    }

    /// All VMs and nodes, mapped, as of the time for which they are known.
    pub(crate) async fn all(&self, cx: &Cx) -> Result<Everything> {
        let shared = &self.shared;
        let caller = shared.link.caller(cx).await?;
        shared.fleet.listed(cx, &shared.link, &caller).await?;
        self.known_or_listed(cx, &caller).await
    }

    async fn known_or_listed(&self, cx: &Cx, caller: &Caller) -> Result<Everything> {
        let shared = &self.shared;
        match shared.fleet.age(true) {
            Age::Now => known(shared.clone(), cx.now()).await,
            Age::Rebuilding(stale) => {
                let all = known(shared.clone(), stale.since).await?;
                Ok(Everything { stale: Some(stale), ..all })
            }
            Age::NotKnown(_) => shared.fleet.list(cx, &shared.link, caller).await,
        }
    }
}

/// All that is known, mapped where nothing waits for it: ten thousand VMs take a
/// moment.
async fn known(shared: Arc<Shared>, at: Timestamp) -> Result<Everything> {
    let mapped = tokio::task::spawn_blocking(move || shared.fleet.everything(at)).await;
    mapped.map_err(|error| Error::new(Kind::Bug, "mapping the cluster failed").with_raw(error))?
}

/// A version without the `v` before it.
pub(crate) fn plain(version: &str) -> String {
    let version = word(version);
    match version.strip_prefix('v') {
        Some(rest) => rest.to_owned(),
        None => version,
    }
}

impl std::fmt::Debug for KubeVirt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeVirt").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for KubeVirt {
    fn kind(&self) -> &'static str {
        "kubevirt"
    }

    async fn probe(&self, cx: &Cx) -> Result<Probe> {
        let probed = cx.run("cannot probe the cluster", self.product(cx)).await;
        probed.map_err(without_effect)
    }

    async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        let listed = cx.run("cannot list the cluster", self.everything(cx)).await;
        listed.map_err(without_effect)
    }

    fn create(&self) -> Option<&dyn Create> {
        Some(self)
    }

    fn storage(&self) -> Option<&dyn Storage> {
        Some(self)
    }

    fn power(&self) -> Option<&dyn Power> {
        Some(self)
    }

    fn configure(&self) -> Option<&dyn Configure> {
        Some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        Some(self)
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        Some(self)
    }

    fn clones(&self) -> Option<&dyn Clones> {
        Some(self)
    }

    fn disks(&self) -> Option<&dyn Disks> {
        Some(self)
    }

    fn migrate(&self) -> Option<&dyn Migrate> {
        Some(self)
    }

    fn console(&self) -> Option<&dyn Console> {
        Some(self)
    }

    fn instance_types(&self) -> Option<&dyn InstanceTypes> {
        Some(self)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(self)
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }
}
