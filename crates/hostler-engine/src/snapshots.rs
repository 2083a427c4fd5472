//! Snapshots of VMs, read from the provider when somebody asks: its list is the truth,
//! and nothing of it is stored. Each change is checked here and done by an operation that
//! claims the VM.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{SnapshotId, VmId};
use hostler_core::snapshot::{ObservedSnapshot, SnapshotLimits, SnapshotSpec, SnapshotState};
use hostler_core::vm::{Action, Admission};
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, SnapshotRef};
use hostler_store::IdempotencyKey;

use crate::asked::Asked;
use crate::operations::snapshot_create::{SnapshotCreate, snapshots_of};
use crate::operations::snapshot_delete::SnapshotDelete;
use crate::operations::snapshot_revert::SnapshotRevert;
use crate::operations::{AtVm, Operation, Submission};
use crate::vms::{Accepted, told};
use crate::{Inner, VmView};

/// Snapshots of VMs.
pub struct Snapshots<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Snapshots<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// All snapshots of a VM, oldest first; a parent stands before its children.
    pub async fn list(&self, vm: VmId) -> Result<Vec<ObservedSnapshot>> {
        self.read(&Asked::of(self.engine, vm)?).await
    }

    /// One of them, given by name or by the provider's reference.
    pub(crate) async fn get(&self, vm: VmId, wanted: &str) -> Result<ObservedSnapshot> {
        self.find(&Asked::of(self.engine, vm)?, wanted).await
    }

    /// What snapshots of a VM can do, as far as its provider knows without being asked;
    /// `None` where it has none, or is not there.
    pub fn limits(&self, vm: &VmView) -> Option<SnapshotLimits> {
        let (provider, _) = vm.provider.as_ref()?;
        let provider = self.engine.provider(*provider).ok()?;
        provider.snapshots().map(|snapshots| snapshots.limits())
    }

    /// Takes a snapshot.
    pub async fn create(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        spec: SnapshotSpec,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmSnapshot)?;
        let prepare = async {
            let operation = self.prepare(vm, spec).await?;
            self.submission(actor, &operation.at, &operation)
        };
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare(&self, vm: VmId, spec: SnapshotSpec) -> Result<SnapshotCreate> {
        spec.check()?;
        let asked = Asked::of(self.engine, vm)?;
        self.engine.may_change(asked.at.provider)?;
        admitted(&asked.vm, Action::Snapshot)?;
        let existing = self.read(&asked).await?;
        if existing.iter().any(|one| one.name == spec.name) {
            let vm = &asked.vm.name;
            let message = format!("VM \"{vm}\" has a snapshot \"{}\" already", spec.name);
            return Err(Error::new(Code::SnapshotExists, message));
        }
        let limits = snapshots_of(asked.provider.as_ref())?.limits();
        if let Some(denial) = limits.refuses(&spec, asked.power(), existing.len()) {
            return Err(told(&asked.vm, Action::Snapshot, denial.into()));
        }
        let id = self.engine.ids.next(SnapshotId::new);
        Ok(SnapshotCreate { at: asked.at, id, spec })
    }

    /// Puts a VM back to a snapshot, given by name or by the provider's reference.
    pub async fn revert(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        snapshot: &str,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmSnapshot)?;
        let prepare = async {
            let operation = self.prepare_revert(vm, snapshot).await?;
            self.submission(actor, &operation.at, &operation)
        };
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare_revert(&self, vm: VmId, snapshot: &str) -> Result<SnapshotRevert> {
        let asked = Asked::of(self.engine, vm)?;
        self.engine.may_change(asked.at.provider)?;
        admitted(&asked.vm, Action::Revert)?;
        let found = self.find(&asked, snapshot).await?;
        if found.state != SnapshotState::Ready {
            let word = found.state.as_str();
            let message = format!("cannot go back to snapshot \"{}\": it is {word}", found.name);
            return Err(Error::new(Code::ProviderConflict, message));
        }
        let limits = snapshots_of(asked.provider.as_ref())?.limits();
        if let Some(denial) = limits.refuses_revert(asked.power()) {
            return Err(told(&asked.vm, Action::Revert, denial.into()));
        }
        Ok(SnapshotRevert { at: asked.at, snapshot: reference(found) })
    }

    /// Deletes a snapshot, given by name or by the provider's reference.
    pub async fn delete(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        snapshot: &str,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmSnapshot)?;
        let prepare = async {
            let operation = self.prepare_deletion(vm, snapshot).await?;
            self.submission(actor, &operation.at, &operation)
        };
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare_deletion(&self, vm: VmId, snapshot: &str) -> Result<SnapshotDelete> {
        let asked = Asked::of(self.engine, vm)?;
        self.engine.may_change(asked.at.provider)?;
        admitted(&asked.vm, Action::DeleteSnapshot)?;
        let snapshot = reference(self.find(&asked, snapshot).await?);
        Ok(SnapshotDelete { at: asked.at, snapshot })
    }

    fn submission<O: Operation>(
        &self,
        actor: &Actor,
        at: &AtVm,
        operation: &O,
    ) -> Result<Submission> {
        Ok(self.engine.submission(O::KIND, operation, actor)?.on_vm(at.vm, &at.name))
    }

    async fn read(&self, asked: &Asked) -> Result<Vec<ObservedSnapshot>> {
        let snapshots = snapshots_of(asked.provider.as_ref())?;
        let cx =
            Cx::within(self.engine.pace.inventory_deadline).with_clock(self.engine.clock.clone());
        Ok(cx.run("list snapshots", snapshots.list_snapshots(&cx, &asked.at.reference())).await?)
    }

    /// The snapshot of that reference, else the only one of that name.
    async fn find(&self, asked: &Asked, wanted: &str) -> Result<ObservedSnapshot> {
        let mut all = self.read(asked).await?;
        if let Some(exact) = all.iter().position(|one| one.external_ref == wanted) {
            return Ok(all.swap_remove(exact));
        }
        all.retain(|one| one.name == wanted);
        let vm = &asked.vm.name;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Ok(only),
            (Some(_), others) => {
                let count = others + 1;
                let message = format!(
                    "VM \"{vm}\" has {count} snapshots \"{wanted}\"; name it by its reference"
                );
                Err(Error::new(Code::SnapshotExists, message))
            }
            (None, _) => {
                let message = format!("VM \"{vm}\" has no snapshot \"{wanted}\"");
                Err(Error::new(Code::SnapshotNotFound, message))
            }
        }
    }
}

pub(crate) fn admitted(vm: &VmView, action: Action) -> Result<()> {
    match vm.admit(action) {
        Admission::Start | Admission::AlreadyThere => Ok(()),
        Admission::Denied(denial) => Err(told(vm, action, denial.into())),
    }
}

fn reference(seen: ObservedSnapshot) -> SnapshotRef {
    SnapshotRef { external_ref: seen.external_ref, name: seen.name }
}
