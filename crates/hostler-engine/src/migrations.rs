//! Migrations: asking for one, and what providers tell of all. They are asked when
//! somebody looks: a history belongs to the place where it happened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{HostId, ProviderId, VmId};
use hostler_core::migration::{Destinations, Migration};
use hostler_core::vm::{Action, Admission};
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, Group, Provider, VmRef};
use hostler_store::IdempotencyKey;
use tokio::task::JoinSet;

use crate::operations::vm_migrate::VmMigrate;
use crate::operations::{AtVm, Operation, lacks};
use crate::rounds::Rounds;
use crate::vms::{Accepted, Vms, place_of, told};
use crate::{HostView, Inner, VmView};

/// Migrations.
pub struct Migrations<'a> {
    engine: &'a Arc<Inner>,
}

/// A migration as it is told.
#[derive(Debug, Clone)]
pub struct MigrationView {
    /// What its provider tells, just now.
    pub observed: Migration,
    /// Whether it is made up.
    pub simulated: bool,
    /// Its provider and the provider's name.
    pub provider: (ProviderId, String),
    /// Its VM and the VM's name.
    pub vm: (VmId, String),
    /// The host that the VM leaves, where it is known here.
    pub source: Option<(HostId, String)>,
    /// The host that it goes to, where it is known here.
    pub target: Option<(HostId, String)>,
}

/// What all providers tell.
#[derive(Debug, Clone, Default)]
pub struct ToldMigrations {
    /// The migrations.
    pub items: Vec<MigrationView>,
    /// Providers that have migrations and did not answer, with the reason. Theirs are
    /// missing.
    pub silent: Vec<SilentProvider>,
}

/// A provider that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SilentProvider {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: ProviderId,
    /// Why it did not, for people.
    pub reason: String,
}

/// Where a VM could go, as it is told.
#[derive(Debug, Clone)]
pub struct DestinationsView {
    /// Why it cannot be migrated at all, if so.
    pub blocked: Option<String>,
    /// Whether its provider finds a host by itself where none is named.
    pub is_chosen_there: bool,
    /// Each other host of its provider.
    pub hosts: Vec<DestinationView>,
}

/// A host that a VM could go to, or not, as it is told.
#[derive(Debug, Clone)]
pub struct DestinationView {
    /// The host.
    pub host: (HostId, String),
    /// Why it would not be taken there.
    pub refused: Option<String>,
}

/// Who asks which provider for all its migrations now. They are asked for as often as
/// somebody looks, and that many look must not be told by the load of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<HashMap<ProviderId, Arc<Question>>>);

/// All migrations of one provider.
type Question = Rounds<Result<Vec<Migration>>>;

impl Asking {
    fn of(&self, provider: ProviderId) -> Arc<Question> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(provider).or_default())
    }

    fn forget(&self, is_gone: impl Fn(&ProviderId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| !is_gone(id));
    }
}

impl<'a> Migrations<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Those of one VM, or of all, the latest first for each provider.
    ///
    /// # Errors
    /// `VmNotFound`; and for one VM, whatever its provider fails of. Of all, those that
    /// do not answer are told in the answer.
    pub async fn list(&self, vm: Option<VmId>) -> Result<ToldMigrations> {
        if let Some(vm) = vm {
            return Ok(ToldMigrations { items: self.of(vm).await?, silent: Vec::new() });
        }
        let snapshot = self.engine.fleet.snapshot();
        let mut asked = JoinSet::new();
        for view in snapshot.providers.values() {
            let (id, name) = (view.row.id, view.row.name.clone());
            // One that is not there any more has nothing to tell.
            let Ok(provider) = self.engine.provider(id) else { continue };
            let engine = Arc::clone(self.engine);
            asked.spawn(async move {
                let question = engine.migrations.of(id);
                let all = question.ask(async { ask(&provider, &cx(&engine), None).await }).await;
                (name, id, all)
            });
        }
        let mut told = ToldMigrations::default();
        for (name, id, answer) in asked.join_all().await {
            match &*answer {
                Ok(all) => told.items.extend(self.views(id, all)),
                Err(error) if error.code() == Code::CapabilityMissing => {}
                Err(error) => {
                    let reason = error.message().to_owned();
                    told.silent.push(SilentProvider { name, id, reason });
                }
            }
        }
        told.silent.sort();
        self.engine.migrations.forget(|id| snapshot.providers.get(id).is_none());
        Ok(told)
    }

    async fn of(&self, vm: VmId) -> Result<Vec<MigrationView>> {
        let vm = self.vm(vm)?;
        let Ok(at) = place_of(&vm) else { return Ok(Vec::new()) };
        let provider = self.engine.provider(at.provider)?;
        let all = ask(&provider, &cx(self.engine), Some(&at.reference())).await?;
        Ok(self.views(at.provider, &all))
    }

    fn vm(&self, id: VmId) -> Result<Arc<VmView>> {
        Vms::new(self.engine).get(id)
    }

    /// Those with the names that are known here, of VMs that are.
    fn views(&self, provider: ProviderId, all: &[Migration]) -> Vec<MigrationView> {
        let snapshot = self.engine.fleet.snapshot();
        let Some(of) = snapshot.providers.get(&provider) else { return Vec::new() };
        let is_its =
            |id: &Option<(ProviderId, String)>| id.as_ref().is_some_and(|(id, _)| *id == provider);
        let vms = snapshot.vms.values().filter(|vm| is_its(&vm.provider));
        let vms: HashMap<&str, &Arc<VmView>> =
            vms.filter_map(|vm| Some((vm.external_ref()?, vm))).collect();
        let hosts = snapshot.hosts.values().filter(|host| host.provider.0 == provider);
        let hosts: HashMap<&str, &Arc<HostView>> =
            hosts.map(|host| (host.observed.host.external_ref.as_str(), host)).collect();
        let host = |host_ref: &Option<String>| {
            let host = hosts.get(host_ref.as_deref()?)?;
            Some((host.id, host.name.clone()))
        };
        let view = |observed: &Migration| {
            let vm = vms.get(observed.vm_ref.as_str())?;
            Some(MigrationView {
                simulated: of.simulated,
                provider: (provider, of.row.name.clone()),
                vm: (vm.id, vm.name.clone()),
                source: host(&observed.source_host_ref),
                target: host(&observed.target_host_ref),
                observed: observed.clone(),
            })
        };
        all.iter().filter_map(view).collect()
    }

    /// Where a VM could go now: each other host of its provider, or why not there; and
    /// why it cannot be migrated at all, if so.
    pub async fn destinations(&self, id: VmId) -> Result<DestinationsView> {
        let vm = self.vm(id)?;
        let at = place_of(&vm)?;
        let places = self.places(&at).await?;
        let snapshot = self.engine.fleet.snapshot();
        let view = |place: hostler_core::migration::Destination| {
            let mut hosts = snapshot.hosts.values();
            let host = hosts.find(|host| is_host(host, at.provider, &place.host_ref))?;
            Some(DestinationView { host: (host.id, host.name.clone()), refused: place.refused })
        };
        Ok(DestinationsView {
            blocked: places.blocked,
            is_chosen_there: places.is_chosen_there,
            hosts: places.hosts.into_iter().filter_map(view).collect(),
        })
    }

    async fn places(&self, at: &AtVm) -> Result<Destinations> {
        let live = self.engine.provider(at.provider)?;
        let migrate = live.migrate().ok_or_else(|| lacks(Group::Migrate))?;
        let cx = cx(self.engine);
        Ok(cx.run("find hosts", migrate.destinations(&cx, &at.reference())).await?)
    }

    /// Moves a running VM to another host, or to one that its provider chooses.
    pub async fn begin(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        id: VmId,
        target: Option<HostId>,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmMigrate)?;
        let prepare = async {
            let (operation, note) = self.prepare(id, target).await?;
            let submission = self.engine.submission(VmMigrate::KIND, &operation, actor)?;
            let submission = submission.on_vm(id, &operation.at.name);
            Ok(match note {
                Some(note) => submission.noting(note),
                None => submission,
            })
        };
        self.engine.take_on(actor, key, prepare).await
    }

    /// Checks what can be known before; the operation's provider decides.
    async fn prepare(
        &self,
        id: VmId,
        target: Option<HostId>,
    ) -> Result<(VmMigrate, Option<String>)> {
        let vm = self.vm(id)?;
        self.engine.may_change_vm(&vm)?;
        if let Admission::Denied(denial) = vm.admit(Action::Migrate) {
            return Err(told(&vm, Action::Migrate, denial.into()));
        }
        let at = place_of(&vm)?;
        let from = vm.observed.as_ref().and_then(|seen| seen.host_ref.clone());
        let from = from.ok_or_else(|| {
            Error::new(Code::VmStateUnknown, format!("VM \"{}\" is on no host", vm.name))
        })?;
        let to = match target {
            None => None,
            Some(target) => Some(self.host(&vm, at.provider, target)?),
        };
        let is_there = to.as_ref() == Some(&from);
        if !is_there {
            let places = self.places(&at).await?;
            let admitted = places.admit(to.as_deref());
            admitted.map_err(|error| told(&vm, Action::Migrate, error))?;
        }
        let note = is_there.then(|| format!("already on host {from}"));
        Ok((VmMigrate { at, from, to }, note))
    }

    /// A host in the terms of the VM's provider.
    fn host(&self, vm: &VmView, provider: ProviderId, id: HostId) -> Result<String> {
        let snapshot = self.engine.fleet.snapshot();
        let host = snapshot.hosts.get(&id).ok_or_else(|| {
            Error::new(Code::HostNotFound, format!("there is no host with the id {id}"))
        })?;
        if host.provider.0 != provider {
            let message = format!(
                "host \"{}\" is of provider {}; a running VM stays with its own",
                host.name, host.provider.1
            );
            let error = Error::new(Code::CapabilityMissing, message);
            return Err(told(vm, Action::Migrate, error));
        }
        Ok(host.observed.host.external_ref.clone())
    }
}

fn is_host(host: &HostView, provider: ProviderId, host_ref: &str) -> bool {
    host.provider.0 == provider && host.observed.host.external_ref == host_ref
}

/// Time to be answered in.
fn cx(engine: &Inner) -> Cx {
    Cx::within(engine.pace.inventory_deadline).with_clock(engine.clock.clone())
}

async fn ask(provider: &Arc<dyn Provider>, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
    let migrate = provider.migrate().ok_or_else(|| lacks(Group::Migrate))?;
    Ok(cx.run("list migrations", migrate.migrations(cx, vm)).await?)
}
