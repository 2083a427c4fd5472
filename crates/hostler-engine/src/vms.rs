//! Virtual machines: what users do with them. Each change is checked here and
//! done by an operation.

mod planned;

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{HostId, VmId};
use hostler_core::placement::{Placement, Wish};
use hostler_core::query::ListRequest;
use hostler_core::template::FromTemplate;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::status::Phase;
use hostler_core::vm::{Action, Admission, VmSpec};
use hostler_core::{Code, Error, Result};
use hostler_provider::{ConsoleStream, Cx, EnsureVm, Group};
use hostler_store::{IdempotencyKey, NewVm};

use crate::operations::AtVm;
use crate::operations::vm_create::{Place, VmCreate};
use crate::operations::vm_power::{PowerVerb, VmPower};
use crate::operations::{Operation, Submission, lacks, made_as};
use crate::{Inner, Listed, OperationView, VmView};

/// Virtual machines.
pub struct Vms<'a> {
    engine: &'a Arc<Inner>,
}

/// A VM to be made.
#[derive(Debug, Clone)]
pub struct VmCreateRequest {
    /// What it should be; checked here.
    pub spec: VmSpec,
    /// Where it should be.
    pub wish: Wish,
    /// Whether it is started.
    pub start: bool,
}

/// What making a VM would do.
#[derive(Debug, Clone)]
pub struct VmPlan {
    /// Where it would go, and why not elsewhere.
    pub placement: Placement,
    /// The name of that host's provider.
    pub provider_name: String,
    /// Names of the alternatives, in their order.
    pub alternatives: Vec<(HostId, String)>,
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each.
    pub changes: Vec<String>,
}

/// Changes to what is asked of a VM.
#[derive(Debug, Clone, Default)]
pub struct VmChange {
    /// Free text for people.
    pub description: Option<String>,
    /// Labels to set, or to remove by `None`.
    pub labels: BTreeMap<String, Option<String>>,
}

/// An operation that was taken on.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The operation.
    pub operation: OperationView,
    /// Whether it was taken on before, under the same idempotency key.
    pub replayed: bool,
}

impl<'a> Vms<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    pub(crate) fn engine(&self) -> &'a Arc<Inner> {
        self.engine
    }

    /// A page of them; fields are [`VmView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<VmView>> {
        let snapshot = self.engine.fleet.snapshot();
        Inner::list(&snapshot, snapshot.vms.values(), request)
    }

    /// One of them.
    pub fn get(&self, id: VmId) -> Result<Arc<VmView>> {
        self.engine
            .fleet
            .snapshot()
            .vms
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::new(Code::VmNotFound, format!("there is no VM with the id {id}")))
    }

    /// Makes a VM.
    pub async fn create(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        request: VmCreateRequest,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmCreate)?;
        self.engine.take_on(actor, key, self.creation(actor, request, None)).await
    }

    /// What makes a VM, which is of a template where `from` says so; all that can be checked
    /// before it begins is.
    pub(crate) async fn creation(
        &self,
        actor: &Actor,
        mut request: VmCreateRequest,
        from: Option<FromTemplate>,
    ) -> Result<Submission> {
        request.spec.check()?;
        self.engine.of_types(&mut request.spec, &mut request.wish).await?;
        self.engine.check_images(&mut request.spec).await?;
        self.engine.check_volumes(&request.spec).await?;
        // A creation that cannot be placed now is refused now, while the user is there.
        let (placement, host_ref) = self.engine.would_place(&request.spec, &request.wish)?;
        let vm = self.engine.ids.next(VmId::new);
        self.engine.refuse_given(vm, (placement.provider, &host_ref), &request.spec).await?;
        let VmCreateRequest { spec, wish, start } = request;
        let new_vm = NewVm {
            id: vm,
            provider: None,
            host: None,
            external_ref: None,
            phase: Phase::Creating,
            spec: spec.clone(),
            bindings: serde_json::json!([]),
            template: from,
        };
        let operation = VmCreate { vm, spec, wish, start };
        let name = operation.spec.name.clone();
        let submission = self.engine.submission(VmCreate::KIND, &operation, actor)?;
        Ok(submission.on_vm(vm, &name).making(new_vm))
    }

    /// What making a VM would do, without doing it.
    pub async fn plan(&self, actor: &Actor, request: &VmCreateRequest) -> Result<VmPlan> {
        access::may(actor, Permission::VmCreate)?;
        request.spec.check()?;
        let mut request = request.clone();
        self.engine.of_types(&mut request.spec, &mut request.wish).await?;
        self.engine.check_images(&mut request.spec).await?;
        self.engine.check_volumes(&request.spec).await?;
        self.check_name_is_free(&request.spec)?;
        let (placement, host_ref) = self.engine.would_place(&request.spec, &request.wish)?;
        let operation = VmCreate {
            vm: self.engine.ids.next(VmId::new),
            spec: request.spec.clone(),
            wish: request.wish.clone(),
            start: request.start,
        };
        let at = (placement.provider, host_ref.as_str());
        self.engine.refuse_given(operation.vm, at, &request.spec).await?;
        self.validate(&operation, &placement, host_ref).await?;
        let provider = self.engine.provider(placement.provider)?;
        let format = provider.storage().map_or_else(VolumeFormat::default, made_as);
        let snapshot = self.engine.fleet.snapshot();
        let host_name = |id: &HostId| snapshot.hosts.get(id).map_or("?", |h| h.name.as_str());
        let alternatives = placement.alternatives.iter();
        let steps = operation.plan();
        Ok(VmPlan {
            provider_name: snapshot
                .providers
                .get(&placement.provider)
                .map_or_else(String::new, |p| p.row.name.clone()),
            alternatives: alternatives.map(|id| (*id, host_name(id).to_owned())).collect(),
            steps: steps.into_iter().map(|s| VmCreate::step_name(s).to_owned()).collect(),
            changes: planned::changes(&request.spec, &placement.name, format, request.start),
            placement,
        })
    }

    /// Asks the provider whether it would take the VM, as far as it can tell.
    async fn validate(
        &self,
        operation: &VmCreate,
        placement: &Placement,
        host_ref: String,
    ) -> Result<()> {
        let provider = self.engine.provider(placement.provider)?;
        let cx = Cx::within(self.engine.pace.inventory_deadline);
        let pool = match provider.storage() {
            Some(storage) if operation.needs_pool() => {
                let call = storage.default_pool(&cx, &host_ref);
                Some(cx.run("choose a pool", call).await?)
            }
            _ => None,
        };
        let format = provider.storage().map_or_else(VolumeFormat::default, made_as);
        let (at, host) = (placement.provider, placement.host);
        let place = Place { provider: at, host, host_ref, pool, format };
        let (disks, seed) = (operation.bindings(&place), operation.seed_volume(&place));
        let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
        let asked = EnsureVm {
            vm: operation.vm,
            spec: &operation.spec,
            host_ref: &place.host_ref,
            disks: &disks,
            seed: seed.as_ref(),
        };
        Ok(cx.run("validate VM", create.validate(&cx, &asked)).await?)
    }

    /// Turns a VM on or off, or something between.
    pub async fn power(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        id: VmId,
        verb: PowerVerb,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmPower)?;
        let prepare = async { self.turning(actor, id, verb) };
        self.engine.take_on(actor, key, prepare).await
    }

    fn turning(&self, actor: &Actor, id: VmId, verb: PowerVerb) -> Result<Submission> {
        let vm = self.get(id)?;
        self.engine.may_change_vm(&vm)?;
        // What was seen may be some seconds old, so the provider is asked all the
        // same; the verbs can be repeated.
        let already = match vm.admit(verb.action()) {
            Admission::Start => false,
            Admission::AlreadyThere => true,
            Admission::Denied(denial) => {
                return Err(told(&vm, verb.action(), Error::from(denial)));
            }
        };
        let operation = VmPower { at: place_of(&vm)?, verb: verb.into() };
        let kind = format!("vm.{}", verb.action().as_str());
        let submission = self.engine.submission(&kind, &operation, actor)?.on_vm(id, &vm.name);
        Ok(match already {
            true => submission.noting(format!("already {}", vm.status.state.as_str())),
            false => submission,
        })
    }

    /// Changes description or labels; needs the generation that was read.
    pub async fn update(
        &self,
        actor: &Actor,
        id: VmId,
        expected_generation: u64,
        change: VmChange,
    ) -> Result<Arc<VmView>> {
        access::may(actor, Permission::VmUpdate)?;
        let vm = self.get(id)?;
        if let Admission::Denied(denial) = vm.admit(Action::Update) {
            return Err(told(&vm, Action::Update, denial.into()));
        }
        let row = vm.row.as_ref().ok_or_else(|| Error::bug("a managed VM has no row"))?;
        let mut spec = row.spec.clone();
        if let Some(description) = change.description {
            spec.description = description;
        }
        for (key, value) in change.labels {
            match value {
                Some(value) => spec.labels.insert(key, value),
                None => spec.labels.remove(&key),
            };
        }
        spec.check()?;
        let now = self.engine.clock.now();
        let message = format!("VM {} was described anew by {actor}", vm.name);
        let event = self.engine.event("vm.updated", ("vm", id.to_string(), &vm.name), message);
        let store = &self.engine.store;
        store.update_vm_spec(id, expected_generation, &spec, &[event], now).await?;
        self.engine.refresh(&[id]).await;
        self.engine.bus.poke();
        self.get(id)
    }

    /// The provider's own definition, unchanged.
    pub async fn definition(&self, actor: &Actor, id: VmId) -> Result<String> {
        access::may(actor, Permission::VmRaw)?;
        let vm = self.get(id)?;
        let at = place_of(&vm)?;
        let provider = self.engine.provider(at.provider)?;
        let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
        let cx = Cx::within(self.engine.pace.look);
        Ok(cx.run("read definition", create.definition(&cx, &at.reference())).await?)
    }

    /// Which consoles of a VM whoever opens one takes from somebody else of whom its provider
    /// does not tell; `None` where it has none, or is not there.
    pub fn cuts_off_unseen(&self, vm: &VmView) -> Option<&'static [ConsoleKind]> {
        let (provider, _) = vm.provider.as_ref()?;
        let provider = self.engine.provider(*provider).ok()?;
        provider.console().map(|console| console.cuts_off_unseen())
    }

    /// Whether a console could be opened now.
    pub fn admit_console(&self, actor: &Actor, id: VmId, kind: ConsoleKind) -> Result<Arc<VmView>> {
        access::may(actor, Permission::VmConsole)?;
        let vm = self.get(id)?;
        match vm.admit(Action::Console) {
            Admission::Denied(denial) => Err(told(&vm, Action::Console, denial.into())),
            Admission::Start | Admission::AlreadyThere if !vm.consoles().contains(&kind) => {
                let message = format!("VM \"{}\" has no {} console", vm.name, kind.as_str());
                Err(Error::new(Code::CapabilityMissing, message))
            }
            Admission::Start | Admission::AlreadyThere => Ok(vm),
        }
    }

    /// Opens a console.
    pub async fn open_console(
        &self,
        actor: &Actor,
        id: VmId,
        kind: ConsoleKind,
        take_over: bool,
    ) -> Result<Box<dyn ConsoleStream>> {
        let vm = self.admit_console(actor, id, kind)?;
        let at = place_of(&vm)?;
        let provider = self.engine.provider(at.provider)?;
        let console = provider.console().ok_or_else(|| lacks(Group::Console))?;
        let cx = Cx::within(self.engine.pace.look);
        let vm = at.reference();
        let opening = console.open(&cx, &vm, kind, take_over);
        Ok(cx.run("open console", opening).await?)
    }

    pub(crate) fn check_name_is_free(&self, spec: &VmSpec) -> Result<()> {
        let state = self.engine.fleet.read();
        let taken = state
            .rows
            .values()
            .any(|row| row.spec.project == spec.project && row.spec.name == spec.name);
        if taken {
            let message = format!("a VM \"{}\" exists in project \"{}\"", spec.name, spec.project);
            return Err(Error::new(Code::VmExists, message));
        }
        Ok(())
    }
}

/// Where a VM is.
pub(crate) fn place_of(vm: &VmView) -> Result<AtVm> {
    let provider = vm.provider.as_ref().map(|(id, _)| *id);
    match (provider, vm.external_ref()) {
        (Some(provider), Some(external_ref)) => Ok(AtVm {
            vm: vm.id,
            name: vm.name.clone(),
            provider,
            external_ref: external_ref.to_owned(),
        }),
        _ => {
            let message = format!("VM \"{}\" is at no provider", vm.name);
            Err(Error::new(Code::VmStateUnknown, message))
        }
    }
}

/// A refusal with what was to be done, and the state that the VM is in.
pub(crate) fn told(vm: &VmView, action: Action, error: Error) -> Error {
    let doing = match action {
        // These words of the API are no verbs.
        Action::Console => "open a console of",
        Action::ForceStop => "cut the power of",
        Action::Snapshot => "take a snapshot of",
        Action::DeleteSnapshot => "delete a snapshot of",
        Action::AttachDisk => "attach a disk to",
        Action::DetachDisk => "detach the disk of",
        other => other.as_str(),
    };
    let message = format!("cannot {doing} VM \"{}\": {}", vm.name, error.message());
    let told = Error::new(error.code(), message).with_faults(error.fault_list().to_vec());
    let details = error.details().iter();
    let told = details.fold(told, |told, (key, value)| told.with_detail(key, value));
    told.with_detail("state", vm.status.state.as_str())
}
