//! Migrations: asking for one, and what providers tell of all. They are asked when
//! somebody looks; what they tell no more, or do not tell while they are silent, was kept
//! ([`kept`]).

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

mod kept;

pub(crate) use kept::look;

/// Migrations.
pub struct Migrations<'a> {
    engine: &'a Arc<Inner>,
}

/// A migration as it is told.
#[derive(Debug, Clone)]
pub struct MigrationView {
    /// What its provider tells, as of `observed_at`.
    pub observed: Migration,
    /// Whether it tells that now.
    pub told_by: ToldBy,
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

/// Where it is known from what is told of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToldBy {
    /// Its provider, just now.
    Provider,
    /// What was kept when its provider told it: it does not any more, or does not answer.
    History,
}

impl ToldBy {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::History => "history",
        }
    }
}

/// What all providers tell, and what was kept of what they told.
#[derive(Debug, Clone, Default)]
pub struct ToldMigrations {
    /// The migrations.
    pub items: Vec<MigrationView>,
    /// Providers that have migrations and did not answer, with the reason. Of theirs there is
    /// what was kept.
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

/// Who asks which provider for all its migrations now, and what of them is kept. They are asked
/// for as often as somebody looks, and that many look must not be told by the load of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    questions: Mutex<HashMap<ProviderId, Arc<Question>>>,
    written: kept::Written,
}

/// All migrations of one provider.
type Question = Rounds<Result<Vec<Migration>>>;

impl Asking {
    fn of(&self, provider: ProviderId) -> Arc<Question> {
        let mut all = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(provider).or_default())
    }

    fn forget(&self, is_gone: impl Fn(&ProviderId) -> bool) {
        let mut all = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| !is_gone(id));
        drop(all);
        self.written.forget(is_gone);
    }
}

impl<'a> Migrations<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Those of one VM, or of all: what their providers tell now, and what was kept of what
    /// they told.
    ///
    /// # Errors
    /// `VmNotFound` where nothing was kept of it either; `CapabilityMissing` for one VM whose
    /// provider has no migrations. Providers that do not answer are told in the answer.
    pub async fn list(&self, vm: Option<VmId>) -> Result<ToldMigrations> {
        if let Some(vm) = vm {
            return self.of(vm).await;
        }
        let snapshot = self.engine.fleet.snapshot();
        let mut asked = JoinSet::new();
        for view in snapshot.providers.values() {
            let (id, name) = (view.row.id, view.row.name.clone());
            // One that is not there any more has nothing to tell.
            let Ok(provider) = self.engine.provider(id) else { continue };
            let engine = Arc::clone(self.engine);
            asked.spawn(async move { (name, id, ask_all(&engine, id, &provider).await) });
        }
        let mut told = ToldMigrations::default();
        for (name, id, answer) in asked.join_all().await {
            match &*answer {
                Ok(all) => told.items.extend(views(self.engine, id, all)),
                Err(error) if error.code() == Code::CapabilityMissing => {}
                Err(error) => {
                    let reason = error.message().to_owned();
                    told.silent.push(SilentProvider { name, id, reason });
                }
            }
        }
        told.silent.sort();
        self.engine.migrations.forget(|id| snapshot.providers.get(id).is_none());
        kept::add(self.engine, &mut told, self.engine.store.kept_migrations().await?);
        Ok(told)
    }

    async fn of(&self, id: VmId) -> Result<ToldMigrations> {
        let (engine, store) = (self.engine, &self.engine.store);
        let mut told = ToldMigrations::default();
        let vm = self.vm(id);
        let Some(at) = vm.as_ref().ok().and_then(|vm| place_of(vm).ok()) else {
            kept::add(engine, &mut told, store.kept_migrations_of(id, None).await?);
            // It is gone, and there is nothing that it left here.
            return if told.items.is_empty() { vm.map(|_| told) } else { Ok(told) };
        };
        let provider = engine.provider(at.provider)?;
        match ask(&provider, &cx(engine), Some(&at.reference())).await {
            Ok(all) => {
                kept::keep(engine, at.provider, &all, false).await;
                told.items = views(engine, at.provider, &all);
            }
            Err(error) if error.code() == Code::CapabilityMissing => {
                let place = Some((at.provider, at.external_ref.as_str()));
                kept::add(engine, &mut told, store.kept_migrations_of(id, place).await?);
                // One that is shut can nothing now, and has been able to.
                return if told.items.is_empty() { Err(error) } else { Ok(told) };
            }
            Err(error) => told.silent.push(SilentProvider {
                name: engine.fleet.provider_name(at.provider).unwrap_or_default(),
                id: at.provider,
                reason: error.message().to_owned(),
            }),
        }
        let place = Some((at.provider, at.external_ref.as_str()));
        kept::add(engine, &mut told, store.kept_migrations_of(id, place).await?);
        Ok(told)
    }

    fn vm(&self, id: VmId) -> Result<Arc<VmView>> {
        Vms::new(self.engine).get(id)
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

/// Those with the names that are known here, of VMs that are.
fn views<'m>(
    engine: &Inner,
    provider: ProviderId,
    all: impl IntoIterator<Item = &'m Migration>,
) -> Vec<MigrationView> {
    let snapshot = engine.fleet.snapshot();
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
            told_by: ToldBy::Provider,
        })
    };
    all.into_iter().filter_map(view).collect()
}

fn is_host(host: &HostView, provider: ProviderId, host_ref: &str) -> bool {
    host.provider.0 == provider && host.observed.host.external_ref == host_ref
}

/// Time to be answered in.
fn cx(engine: &Inner) -> Cx {
    Cx::within(engine.pace.inventory_deadline).with_clock(engine.clock.clone())
}

/// All that a provider remembers; what is over is kept before anybody is told.
async fn ask_all(
    engine: &Arc<Inner>,
    id: ProviderId,
    provider: &Arc<dyn Provider>,
) -> Arc<Result<Vec<Migration>>> {
    let question = engine.migrations.of(id);
    let told = question.ask(async { ask(provider, &cx(engine), None).await }).await;
    if let Ok(all) = &*told {
        kept::keep(engine, id, all, true).await;
    }
    told
}

async fn ask(provider: &Arc<dyn Provider>, cx: &Cx, vm: Option<&VmRef>) -> Result<Vec<Migration>> {
    let migrate = provider.migrate().ok_or_else(|| lacks(Group::Migrate))?;
    Ok(cx.run("list migrations", migrate.migrations(cx, vm)).await?)
}
