//! Clones of VMs: what can be cloned is checked here, and done by an operation that
//! claims both, the VM to be and its source.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::clone::{CloneLimits, specification};
use hostler_core::id::VmId;
use hostler_core::snapshot::SnapshotState;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::status::Phase;
use hostler_core::vm::{Action, PowerState};
use hostler_core::{Code, Error, Result};
use hostler_provider::{DiskBinding, SnapshotRef, VolumeRef};
use hostler_store::{IdempotencyKey, NewVm};

use crate::bound::{bindings, unspoken};
use crate::operations::vm_clone::{Source, VmClone, clones_of};
use crate::operations::vm_create::seed_volume_name;
use crate::operations::{AtVm, Operation, Submission};
use crate::snapshots::{Snapshots, admitted};
use crate::vms::{Accepted, Vms, place_of, told};
use crate::{Inner, VmView};

/// Clones of VMs.
pub struct Clones<'a> {
    engine: &'a Arc<Inner>,
}

/// A clone to be made.
#[derive(Debug, Clone)]
pub struct CloneRequest {
    /// Its name.
    pub name: String,
    /// The snapshot that it is made of, by name or by the provider's reference; `None`: of
    /// the VM as it is when it is done.
    pub snapshot: Option<String>,
    /// Whether it is started.
    pub start: bool,
}

impl<'a> Clones<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// What clones of a VM can do, as far as its provider knows without being asked; `None`
    /// where it has none, or is not there.
    pub fn limits(&self, vm: &VmView) -> Option<CloneLimits> {
        let (provider, _) = vm.provider.as_ref()?;
        let provider = self.engine.provider(*provider).ok()?;
        provider.clones().map(|clones| clones.limits())
    }

    /// Clones a VM.
    ///
    /// # Errors
    /// `permission_denied`; `spec_invalid`; `vm_exists` where the name is taken; as the
    /// VM's state, its provider and its snapshots have it.
    pub async fn create(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        request: CloneRequest,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmCreate)?;
        access::may(actor, Permission::VmRead)?;
        self.engine.take_on(actor, key, self.cloning(actor, vm, request)).await
    }

    async fn cloning(
        &self,
        actor: &Actor,
        source: VmId,
        request: CloneRequest,
    ) -> Result<Submission> {
        let view = Vms::new(self.engine).get(source)?;
        let AtVm { provider, external_ref, name, .. } = place_of(&view)?;
        self.engine.may_change(provider)?;
        admitted(&view, Action::Clone)?;
        let row = view.row.as_ref().ok_or_else(|| Error::bug("a managed VM has no row"))?;
        let spec = specification(&row.spec, &request.name);
        spec.check()?;
        Vms::new(self.engine).check_name_is_free(&spec)?;
        let limits = clones_of(self.engine.provider(provider)?.as_ref())?.limits();
        let power = view.observed.as_ref().map_or(PowerState::Unknown, |seen| seen.power);
        if let Some(denial) = limits.refuses(request.snapshot.is_some(), power) {
            return Err(told(&view, Action::Clone, denial.into()));
        }
        let snapshot = match &request.snapshot {
            Some(wanted) => Some(self.snapshot(&view, wanted).await?),
            None => None,
        };
        let vm = self.engine.ids.next(VmId::new);
        let seed = seed_of(&bindings(&row.bindings), vm, &request.name)
            .filter(|_| spec.cloud_init.is_some());
        let host = view.host.as_ref().map(|(host, _)| *host);
        let new_vm = NewVm {
            id: vm,
            provider: Some(provider),
            host,
            external_ref: None,
            phase: Phase::Creating,
            spec: spec.clone(),
            bindings: serde_json::json!([]),
            template: None,
        };
        let source_of = Source { vm: source, name, external_ref, snapshot };
        let start = request.start;
        // Of a VM that was adopted, and of its clones, only sizes are written down (ADR 29).
        let is_spoken = row.adopted.is_none() && unspoken(&row.bindings, &row.spec).is_none();
        let operation =
            VmClone { vm, spec, source: source_of, provider, host, seed, start, is_spoken };
        let submission = self.engine.submission(VmClone::KIND, &operation, actor)?;
        let submission = submission.on_vm(vm, &request.name).making(new_vm);
        let read = view.as_read(None);
        Ok(submission.claiming_vm(source).on_what_was_read(read))
    }

    /// The snapshot that is meant, if a VM can be made of it.
    async fn snapshot(&self, view: &VmView, wanted: &str) -> Result<SnapshotRef> {
        let found = Snapshots::new(self.engine).get(view.id, wanted).await?;
        if found.state != SnapshotState::Ready {
            let word = found.state.as_str();
            let message = format!("cannot clone snapshot \"{}\": it is {word}", found.name);
            return Err(Error::new(Code::ProviderConflict, message));
        }
        Ok(SnapshotRef { external_ref: found.external_ref, name: found.name })
    }
}

/// Where the clone's seed goes: beside its source's, under a name of its own.
fn seed_of(source: &[DiskBinding], vm: VmId, name: &str) -> Option<VolumeRef> {
    let seed = source.iter().find(|binding| binding.owned && binding.disk == SEED_DISK)?;
    let VolumeRef { host_ref, pool, .. } = seed.volume.clone();
    Some(VolumeRef { host_ref, pool, name: seed_volume_name(name, vm) })
}
