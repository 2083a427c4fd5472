//! All that is followed of a cluster, and what it amounts to: VMs with their
//! instances, nodes, and the installation.
//!
//! | what is known is | the inventory is | a verb |
//! |---|---|---|
//! | not listed yet | an error | is refused |
//! | followed | as of now | is done |
//! | being rebuilt, its version forgotten (410) | as of when it was last heard, and told as old (E10) | is refused, try again (X26) |
//! | the same, for a minute | listed by itself, or an error | is refused |
//! | not followed, for another reason | listed by itself, or an error | is done, and looked at by asking |
//!
//! The last row is no rare one: a watch that broke off and was begun anew says for
//! up to a minute nothing that shows how far it is.
//!
//! A VM is found by its UID, which no other VM ever has; the cluster's verbs want
//! namespace and name, so these are looked up by it. A VM that was deleted and
//! made anew under its name is another one.

mod age;
mod lag;
mod one;
mod types;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use hostler_core::Timestamp;
use hostler_provider::{Change, Cx, Error, HostInventory, Hub, Kind, Result, Stale, VmRef};

use crate::cache::Delta;
use crate::call::{Caller, Selection};
use crate::config::KubeVirtConfig;
use crate::launchers::Launchers;
use crate::link::{Link, without_effect};
use crate::mapper::cluster::the_one;
use crate::mapper::hosts::kvm_of;
use crate::mapper::vms::{belongs, identity_by_instance};
use crate::mapper::{
    Incompatible, MappedCluster, MappedVm, Source, Surroundings, map_cluster, map_node, map_vm,
    map_vms,
};
use crate::metrics::{Asked, Logged};
use crate::objects::{self, Node, VirtualMachine, VirtualMachineInstance};
use crate::resource::{ObjectKey, Resource};
use crate::watcher::{GRACE, Settings, Watched};

pub(crate) use age::Age;
pub(crate) use lag::Lag;
pub(crate) use one::get;

/// An object, or why it is none.
type Read<T> = Result<T, Incompatible>;

/// What is followed in one namespace, or in all of them.
struct Scope {
    vms: Watched<Read<VirtualMachine>>,
    vmis: Watched<Read<VirtualMachineInstance>>,
}

/// All that is followed.
pub(crate) struct Fleet {
    scopes: Vec<Scope>,
    nodes: Watched<Read<Node>>,
    /// Seen only by who may look at the whole cluster; nothing depends on it.
    installations: Watched<Read<objects::KubeVirt>>,
    /// Read for measuring; nothing depends on them either.
    pub(crate) launchers: Launchers,
    /// Read with the inventory, likewise.
    types: types::Read,
}

/// All VMs and nodes, mapped.
pub(crate) struct Everything {
    pub(crate) vms: Vec<MappedVm>,
    pub(crate) hosts: Vec<HostInventory>,
    /// Why it is an older picture, if it is.
    pub(crate) stale: Option<Stale>,
}

impl Fleet {
    pub(crate) fn new(config: &KubeVirtConfig) -> Self {
        let scope = |namespace: Option<String>| Scope {
            vms: follow(config, Resource::VMS, namespace.clone(), tell_vm),
            vmis: follow(config, Resource::VMIS, namespace, tell_instance),
        };
        Self {
            scopes: config.namespaces.scopes().into_iter().map(scope).collect(),
            nodes: follow(config, Resource::NODES, None, tell_node),
            installations: follow(config, Resource::KUBEVIRTS, None, |_| None),
            launchers: Launchers::default(),
            types: types::Read::default(),
        }
    }

    /// Follows everything until it is dropped.
    pub(crate) async fn run(&self, caller: &Caller, hub: &Hub) {
        let scopes = self.scopes.iter().map(|scope| async {
            tokio::join!(scope.vms.run(caller, hub), scope.vmis.run(caller, hub));
        });
        tokio::join!(
            join_all(scopes),
            self.nodes.run(caller, hub),
            self.installations.run(caller, hub),
        );
    }

    /// Waits until VMs, instances and nodes were listed once.
    ///
    /// # Errors
    /// Why one of them could not be, by asking again where the reason is not known
    /// exactly enough.
    pub(crate) async fn listed(&self, cx: &Cx, link: &Link, caller: &Caller) -> Result<()> {
        for scope in &self.scopes {
            listed(&scope.vms, cx, link, caller).await?;
            listed(&scope.vmis, cx, link, caller).await?;
        }
        listed(&self.nodes, cx, link, caller).await
    }

    /// Whether what is known is good enough to change something by it (X26).
    ///
    /// # Errors
    /// `Unavailable` while it is rebuilt, with when to try again.
    pub(crate) fn may_write(&self) -> Result<()> {
        for scope in &self.scopes {
            scope.vms.may_write()?;
            scope.vmis.may_write()?;
        }
        Ok(())
    }

    /// Everything as it is known, as of `at`.
    ///
    /// # Errors
    /// `Bug` for an object that cannot be read: without it the rest is not complete.
    pub(crate) fn everything(&self, at: Timestamp) -> Result<Everything> {
        let mut all = Objects::default();
        for scope in &self.scopes {
            collect(&scope.vms, &mut all.vms)?;
            collect(&scope.vmis, &mut all.vmis)?;
        }
        collect(&self.nodes, &mut all.nodes)?;
        all.map(&self.around(at), at)
    }

    /// The nodes as they are known, as of `at`.
    ///
    /// # Errors
    /// `Bug` for a node that cannot be read.
    pub(crate) fn hosts(&self, at: Timestamp) -> Result<Vec<HostInventory>> {
        let mut all = Objects::default();
        collect(&self.nodes, &mut all.nodes)?;
        Ok(all.map(&self.around(at), at)?.hosts)
    }

    /// A label of a node; `None` where there is no such node, or it has none.
    ///
    /// # Errors
    /// `Bug` when it cannot be read.
    pub(crate) fn label(&self, node: &str, label: &str) -> Result<Option<String>> {
        let found = self.nodes.get(&ObjectKey::of_cluster(node)).value;
        let found = found.as_deref().map(read).transpose()?;
        Ok(found.and_then(|node| node.metadata.label(label).map(str::to_owned)))
    }

    /// Everything as the cluster lists it now, past what is followed.
    ///
    /// # Errors
    /// As the cluster could not be asked; `Bug` as above.
    pub(crate) async fn list(&self, cx: &Cx, link: &Link, caller: &Caller) -> Result<Everything> {
        let mut all = Objects::default();
        for scope in &self.scopes {
            list(&scope.vms, cx, link, caller, &mut all.vms).await?;
            list(&scope.vmis, cx, link, caller, &mut all.vmis).await?;
        }
        list(&self.nodes, cx, link, caller, &mut all.nodes).await?;
        let at = cx.now();
        all.map(&self.around(at), at)
    }

    /// One VM as it is known, as of `at`; `None` when it is not.
    ///
    /// # Errors
    /// `Bug` when it cannot be read.
    pub(crate) fn find(&self, uid: &str, at: Timestamp) -> Result<Option<MappedVm>> {
        for scope in &self.scopes {
            if let Some(found) = scope.find(uid)? {
                return found.map(&self.around(at), at).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether a node is known, as it was last listed.
    pub(crate) fn has_node(&self, name: &str) -> bool {
        self.nodes.get(&ObjectKey::of_cluster(name)).value.is_some()
    }

    /// Whether the installation lets VMs be emulated; `None` where it was not seen.
    pub(crate) fn emulates(&self, at: Timestamp) -> Option<bool> {
        self.cluster(at)?.uses_emulation.value().copied()
    }

    fn around(&self, at: Timestamp) -> Surroundings {
        let nodes = self.nodes.all().value;
        let kvm = |node: &Arc<Read<Node>>| {
            let node = (**node).as_ref().ok()?;
            Some((node.metadata.name.owned()?, kvm_of(node)?))
        };
        Surroundings {
            cluster: self.cluster(at),
            kvm_by_node: nodes.iter().filter_map(kvm).collect(),
            launchers: self.launchers.known(),
            types: self.types.known(),
            ..Surroundings::default()
        }
    }

    fn cluster(&self, at: Timestamp) -> Option<MappedCluster> {
        let all = self.installations.all().value;
        let map =
            |read: &Arc<Read<objects::KubeVirt>>| map_cluster((**read).as_ref().ok()?, at).ok();
        the_one(all.iter().filter_map(map).collect())
    }
}

/// All that there is, read.
#[derive(Default)]
struct Objects {
    vms: Vec<VirtualMachine>,
    vmis: Vec<VirtualMachineInstance>,
    nodes: Vec<Node>,
}

impl Objects {
    fn map(&self, around: &Surroundings, at: Timestamp) -> Result<Everything> {
        let mapped = map_vms(&self.vms, &self.vmis, around, at);
        if let Some(refused) = mapped.refused.into_iter().next() {
            return Err(refused.into());
        }
        let host = |node: &Node| -> Result<HostInventory> {
            Ok(map_node(node, around.cluster.as_ref(), at)?.into_inventory())
        };
        let hosts = self.nodes.iter().map(host).collect::<Result<_>>()?;
        Ok(Everything { vms: mapped.vms, hosts, stale: None })
    }
}

/// A VM with its instance, either of which may be absent.
enum Pair {
    Off(Box<VirtualMachine>),
    Both(Box<(VirtualMachine, VirtualMachineInstance)>),
    Alone(Box<VirtualMachineInstance>),
}

impl Pair {
    fn of(vm: Option<VirtualMachine>, vmi: Option<VirtualMachineInstance>) -> Option<Self> {
        match (vm, vmi) {
            (Some(vm), Some(vmi)) if belongs(&vmi, &vm) => Some(Self::Both(Box::new((vm, vmi)))),
            (Some(vm), _) => Some(Self::Off(Box::new(vm))),
            (None, Some(vmi)) => Some(Self::Alone(Box::new(vmi))),
            (None, None) => None,
        }
    }

    fn map(&self, around: &Surroundings, at: Timestamp) -> Result<MappedVm> {
        let source = match self {
            Self::Off(vm) => Source::Off(vm),
            Self::Both(both) => Source::Both(&both.0, &both.1),
            Self::Alone(vmi) => Source::Alone(vmi),
        };
        Ok(map_vm(source, around, at)?)
    }
}

impl Scope {
    fn find(&self, uid: &str) -> Result<Option<Pair>> {
        if let Some(vm) = self.vms.by_uid(uid).value {
            let vm = read(&vm)?;
            let vmi = match key(&vm) {
                Some(key) => self.vmis.get(&key).value.as_deref().map(read).transpose()?,
                None => None,
            };
            return Ok(Pair::of(Some(vm), vmi));
        }
        if let Some(vmi) = self.vmis.by_uid(uid).value {
            let vmi = read(&vmi)?;
            // An instance is named by its VM, where it has one.
            let is_its_own = identity_by_instance(&vmi).as_deref() == Some(uid);
            return Ok(is_its_own.then(|| Pair::Alone(Box::new(vmi))));
        }
        // Rare: the VM of an instance was not seen yet, or is gone already.
        for vmi in self.vmis.all().value {
            if let Ok(vmi) = vmi.as_ref()
                && identity_by_instance(vmi).as_deref() == Some(uid)
            {
                return Ok(Some(Pair::Alone(Box::new(vmi.clone()))));
            }
        }
        Ok(None)
    }
}

fn key(vm: &VirtualMachine) -> Option<ObjectKey> {
    Some(ObjectKey::in_namespace(vm.metadata.namespace.owned()?, vm.metadata.name.owned()?))
}

fn read<T: Clone>(object: &Read<T>) -> Result<T> {
    object.clone().map_err(Error::from)
}

fn collect<T: Clone + Send + Sync + 'static>(
    watched: &Watched<Read<T>>,
    into: &mut Vec<T>,
) -> Result<()> {
    for object in watched.all().value {
        into.push(read(&object)?);
    }
    Ok(())
}

async fn list<T: objects::Object + Send + Sync + 'static>(
    watched: &Watched<Read<T>>,
    cx: &Cx,
    link: &Link,
    caller: &Caller,
    into: &mut Vec<T>,
) -> Result<()> {
    let listed = caller.list_as(cx, watched.selection(), objects::read::<T>).await;
    for object in listed.map_err(|failure| link.noted(failure))?.items {
        into.push(object?);
    }
    Ok(())
}

async fn listed<T: Send + Sync + 'static>(
    watched: &Watched<Read<T>>,
    cx: &Cx,
    link: &Link,
    caller: &Caller,
) -> Result<()> {
    let Err(error) = watched.listed(cx).await else { return Ok(()) };
    if matches!(error.kind(), Kind::Timeout | Kind::Cancelled) {
        return Err(without_effect(error));
    }
    // What is kept of a failed list is its words; what can be done about it, the
    // next answer tells.
    match caller.list_page(cx, watched.selection(), 1, None).await {
        Err(failure) => Err(link.noted(failure)),
        Ok(_) => Err(error),
    }
}

fn follow<T: objects::Object + Send + Sync + 'static>(
    config: &KubeVirtConfig,
    resource: Resource,
    namespace: Option<String>,
    tell: fn(&Delta<Read<T>>) -> Option<Change>,
) -> Watched<Read<T>> {
    Watched::new(Settings {
        selection: Selection::all(resource, namespace),
        decode: objects::read::<T>,
        tell,
        watch_timeout: config.watch_timeout,
        grace: GRACE,
        max_backoff: config.max_backoff,
        clock: config.clock.clone(),
    })
}

fn tell_vm(delta: &Delta<Read<VirtualMachine>>) -> Option<Change> {
    let (Delta::Put { uid, key, .. } | Delta::Gone { uid, key, .. }) = delta;
    Some(Change::Vm(VmRef { external_ref: uid.clone(), name: key.name.clone() }))
}

/// What changes of an instance changes of its VM.
fn tell_instance(delta: &Delta<Read<VirtualMachineInstance>>) -> Option<Change> {
    let (Delta::Put { uid, key, value } | Delta::Gone { uid, key, last: value }) = delta;
    let of_vm = value.as_ref().as_ref().ok().and_then(identity_by_instance);
    let external_ref = of_vm.unwrap_or_else(|| uid.clone());
    Some(Change::Vm(VmRef { external_ref, name: key.name.clone() }))
}

/// A node that went is told. Its other changes are not: its heartbeat is one of
/// them, several times a minute, and whoever listens takes the inventory anyway.
fn tell_node(delta: &Delta<Read<Node>>) -> Option<Change> {
    matches!(delta, Delta::Gone { .. }).then_some(Change::Inventory)
}

/// Shared by the provider and what follows the cluster for it.
pub(crate) struct Shared {
    pub(crate) config: KubeVirtConfig,
    pub(crate) link: Link,
    pub(crate) hub: Hub,
    pub(crate) fleet: Fleet,
    /// What was logged last of the cluster's health.
    logged: Mutex<String>,
    pub(crate) measured: Logged,
    pub(crate) asked: Asked,
}

impl Shared {
    pub(crate) fn new(config: KubeVirtConfig) -> Self {
        let fleet = Fleet::new(&config);
        Self {
            config,
            link: Link::new(),
            hub: Hub::default(),
            fleet,
            logged: Mutex::default(),
            measured: Logged::default(),
            asked: Asked::default(),
        }
    }

    /// Whether this is another word of the cluster's health than the last.
    pub(crate) fn is_news(&self, word: &str) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *logged != word;
        if is_news {
            word.clone_into(&mut logged);
        }
        is_news
    }

    /// Connects and follows, until it is dropped.
    pub(crate) async fn keep(self: Arc<Self>) {
        let follow = |caller: Arc<Caller>| {
            let shared = self.clone();
            async move { shared.fleet.run(&caller, &shared.hub).await }
        };
        self.link.keep(&self.config, follow).await;
    }
}
