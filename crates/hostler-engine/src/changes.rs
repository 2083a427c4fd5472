//! Changing what VMs are: planned first, with who else manages what would change, and then
//! made by an operation that claims the VM (C20, X25).

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::VmId;
use hostler_core::operation::{OperationState, Resource};
use hostler_core::vm::change::{ChangePlan, Managed, Takes};
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::{Action, Admission, VmSpec};
use hostler_core::{Code, Error, Result};
use hostler_provider::{ChangeVm, Cx, DiskBinding, Provider, VolumeRef};
use hostler_store::{IdempotencyKey, OperationFilter};

use crate::bound::bindings;
use crate::operations::snapshot_revert::SnapshotRevert;
use crate::operations::vm_change::{VmChange, configure_of};
use crate::operations::{AtVm, Operation, Submission};
use crate::vms::{Accepted, Vms, place_of, told};
use crate::{Inner, VmView};

/// Changes of what VMs are.
pub struct Changes<'a> {
    engine: &'a Arc<Inner>,
}

/// What a VM is to be.
#[derive(Debug, Clone)]
pub struct SpecChange {
    /// The whole specification. Without documents for cloud-init it keeps those it has.
    pub spec: VmSpec,
    /// Fields of others that were shown, and are to be taken over.
    pub take_over: Vec<Managed>,
    /// Also from a tool that puts back what it has written down elsewhere.
    pub from_gitops: bool,
}

/// A VM with its provider, ready to be asked.
struct Asked {
    vm: Arc<VmView>,
    at: AtVm,
    provider: Arc<dyn Provider>,
    asked: VmSpec,
    wanted: VmSpec,
    disks: Vec<DiskBinding>,
    seed: Option<VolumeRef>,
}

impl<'a> Changes<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// What a change would do, without doing it. Fields of others are part of the answer.
    ///
    /// # Errors
    /// As [`Changes::make`], but for what the plan tells.
    pub async fn plan(&self, actor: &Actor, vm: VmId, change: &SpecChange) -> Result<ChangePlan> {
        access::may(actor, Permission::VmUpdate)?;
        self.look(&self.asked(vm, &change.spec)?).await
    }

    /// Makes a VM what it is to be; needs the generation that was read.
    ///
    /// # Errors
    /// `precondition_failed` where it was changed since it was read; `spec_invalid` with
    /// what is wrong or cannot be changed; `vm_fields_managed` with the fields of others
    /// that were not given back.
    pub async fn make(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        generation: u64,
        change: SpecChange,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmUpdate)?;
        let prepare = self.prepare(actor, vm, generation, change);
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare(
        &self,
        actor: &Actor,
        vm: VmId,
        generation: u64,
        change: SpecChange,
    ) -> Result<Submission> {
        let asked = self.asked(vm, &change.spec)?;
        if asked.vm.generation() != generation {
            let message = format!("{} was changed since you read it", asked.vm.name);
            return Err(Error::new(Code::PreconditionFailed, message));
        }
        let plan = self.look(&asked).await?;
        plan.check()?;
        let taken = plan.check_taken(&change.take_over, change.from_gitops);
        taken.map_err(|error| told(&asked.vm, Action::Change, error))?;
        let was = plan.before(&asked.wanted)?;
        let put_back_since = plan.is_empty() && self.put_back_since(vm).await?;
        let note = note(&asked.vm, &plan).or_else(|| put_back_since.then(drifted));
        let read = asked.vm.as_read(Some(generation));
        let operation = VmChange {
            at: asked.at,
            asked: asked.asked,
            was,
            spec: asked.wanted,
            disks: asked.disks,
            seed: asked.seed,
            take_over: plan.managed_by_others,
            from_gitops: change.from_gitops,
            put_back_since,
        };
        let submission = self.engine.submission(VmChange::KIND, &operation, actor)?;
        let submission = submission.on_vm(vm, &operation.at.name).on_what_was_read(read);
        Ok(match note {
            Some(note) => submission.noting(note),
            None => submission,
        })
    }

    /// Whether the VM was put back to a snapshot since something of it was changed last, as far
    /// as operations are remembered.
    async fn put_back_since(&self, vm: VmId) -> Result<bool> {
        let last = async |kind: &str| {
            let filter = OperationFilter {
                states: vec![OperationState::Succeeded],
                kind: Some(kind.to_owned()),
                resource: Some(Resource::Vm(vm)),
                limit: 1,
                ..OperationFilter::default()
            };
            Ok::<_, Error>(self.engine.store.operations(&filter).await?.first().map(|row| row.id))
        };
        let (reverted, changed) = (last(SnapshotRevert::KIND).await?, last(VmChange::KIND).await?);
        Ok(reverted.is_some_and(|reverted| changed.is_none_or(|changed| changed < reverted)))
    }

    fn asked(&self, vm: VmId, wanted: &VmSpec) -> Result<Asked> {
        let vm = Vms::new(self.engine).get(vm)?;
        self.engine.may_change_vm(&vm)?;
        if let Admission::Denied(denial) = vm.admit(Action::Change) {
            return Err(told(&vm, Action::Change, denial.into()));
        }
        let row = vm.row.clone().ok_or_else(|| Error::bug("a managed VM has no row"))?;
        let asked = row.spec.clone();
        let mut wanted = wanted.clone();
        if wanted.cloud_init.is_none() {
            // They hold secrets, so whoever read the VM has not got them.
            wanted.cloud_init.clone_from(&asked.cloud_init);
        }
        wanted.check()?;
        let at = place_of(&vm)?;
        let provider = self.engine.provider(at.provider)?;
        let (seed, disks): (Vec<_>, Vec<_>) =
            bindings(&row.bindings).into_iter().partition(|bound| bound.disk == SEED_DISK);
        let seed = seed.into_iter().next().map(|bound| bound.volume);
        Ok(Asked { vm, at, provider, asked, wanted, disks, seed })
    }

    async fn look(&self, asked: &Asked) -> Result<ChangePlan> {
        let configure = configure_of(asked.provider.as_ref())?;
        let request = ChangeVm {
            vm: asked.vm.id,
            at: &asked.at.reference(),
            before: &asked.asked,
            spec: &asked.wanted,
            disks: &asked.disks,
            seed: asked.seed.as_ref(),
            take_over: &[],
            from_gitops: false,
        };
        let cx =
            Cx::within(self.engine.pace.inventory_deadline).with_clock(self.engine.clock.clone());
        Ok(cx.run("plan change", configure.plan_change(&cx, &request)).await?)
    }
}

/// What is to be known where nothing seems to differ since the VM was put back.
fn drifted() -> String {
    "nothing differs that its provider tells. It was put back to a snapshot: what is not told may \
     be as it was then; to be sure, change it to something else and back"
        .to_owned()
}

/// What has to wait, where the VM is on.
fn note(vm: &VmView, plan: &ChangePlan) -> Option<String> {
    let is_on = vm.observed.as_ref().is_some_and(|seen| seen.power.is_live());
    let waits = plan.changes.iter().filter(|change| change.takes == Takes::NextStart);
    let waits: Vec<&str> = waits.map(|change| change.field.path.as_str()).collect();
    (is_on && !waits.is_empty())
        .then(|| format!("at its next start takes effect: {}", waits.join(", ")))
}
