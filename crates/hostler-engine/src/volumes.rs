//! Volumes of pools, read from the provider when somebody asks; each change is
//! checked here and done by an operation.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::{OperationId, PoolId, ProviderId, VmId};
use hostler_core::operation::Resource;
use hostler_core::storage::{ObservedVolume, VolumeKey};
use hostler_core::vm::VmSpec;
use hostler_core::vm::check::DISK_MAX_BYTES;
use hostler_core::vm::devices::{DiskSource, VolumeFormat};
use hostler_core::{Code, Error, Result, name};
use hostler_provider::{Cx, Group, Provider, VolumeRef};
use hostler_store::IdempotencyKey;

use crate::bound::{LEFT_BEHIND, bindings, is_same};
use crate::operations::volume_create::{VolumeCreate, exists};
use crate::operations::volume_delete::VolumeDelete;
use crate::operations::{Operation, lacks, made_as};
use crate::taken::{in_use, owner_among};
use crate::vms::Accepted;
use crate::{Inner, PoolView};

/// Volumes of pools.
pub struct Volumes<'a> {
    engine: &'a Arc<Inner>,
}

/// A volume as it is told.
#[derive(Debug, Clone)]
pub struct VolumeView {
    /// What was seen of it, just now.
    pub observed: ObservedVolume,
    /// The VM that uses it, where Hostler knows one.
    pub used_by: Option<(VmId, String)>,
}

/// A volume to be made.
#[derive(Debug, Clone)]
pub struct VolumeCreateRequest {
    /// The pool it is to be in.
    pub pool: PoolId,
    /// Its name, unique within the pool; checked here.
    pub name: String,
    /// The size a guest sees, in bytes; checked here.
    pub capacity_bytes: u64,
    /// How it is stored; `None`: as its provider does by itself.
    pub format: Option<VolumeFormat>,
}

/// What making a volume would do.
#[derive(Debug, Clone)]
pub struct VolumePlan {
    /// The pool it would be in.
    pub pool: Arc<PoolView>,
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each.
    pub changes: Vec<String>,
}

impl<'a> Volumes<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// All volumes of a pool, sorted by name.
    pub async fn list(&self, pool: PoolId) -> Result<Vec<VolumeView>> {
        let (view, provider, at) = self.open(pool, "")?;
        let volumes = self.read(&provider, &at).await?;
        Ok(volumes.into_iter().map(|observed| self.view(&view, observed)).collect())
    }

    /// Makes an empty volume.
    pub async fn create(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        request: &VolumeCreateRequest,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VolumeManage)?;
        let prepare = async {
            let (pool, operation) = self.prepare(request).await?;
            let submission = self.engine.submission(VolumeCreate::KIND, &operation, actor)?;
            Ok(submission.on_volume(&operation.key, &pool.observed.name))
        };
        self.engine.take_on(actor, key, prepare).await
    }

    /// What making a volume would do, without doing it.
    pub async fn plan(&self, actor: &Actor, request: &VolumeCreateRequest) -> Result<VolumePlan> {
        access::may(actor, Permission::VolumeManage)?;
        let (pool, operation) = self.prepare(request).await?;
        let bytes = operation.capacity_bytes;
        let size = if bytes.is_multiple_of(1 << 20) {
            format!("{} MiB", bytes >> 20)
        } else {
            format!("{bytes} bytes")
        };
        let (volume, format) = (&operation.volume, operation.format.as_str());
        let steps = operation.plan();
        Ok(VolumePlan {
            pool,
            steps: steps.into_iter().map(|s| VolumeCreate::step_name(s).to_owned()).collect(),
            changes: vec![format!("+ volume {volume}: {size}, empty, {format}")],
        })
    }

    /// Checks what can be known before the claim is taken; the operation looks again.
    async fn prepare(
        &self,
        request: &VolumeCreateRequest,
    ) -> Result<(Arc<PoolView>, VolumeCreate)> {
        let VolumeCreateRequest { pool, name, capacity_bytes, format } = request;
        check(name, *capacity_bytes)?;
        let (view, provider, volume) = self.open(*pool, name)?;
        self.engine.may_change(view.provider.0)?;
        let key = VolumeKey { pool: *pool, name: name.clone() };
        self.refuse_busy(&key).await?;
        let existing = self.read(&provider, &volume).await?;
        if let Some(there) = existing.iter().find(|there| there.name == *name) {
            return Err(exists(&volume.pool, there));
        }
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let format = format.unwrap_or_else(|| made_as(storage));
        let (provider, capacity_bytes) = (view.provider.0, *capacity_bytes);
        Ok((view, VolumeCreate { key, provider, volume, capacity_bytes, format }))
    }

    /// Deletes a volume and the data on it; refused while a known VM uses it.
    pub async fn delete(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        pool: PoolId,
        name: &str,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VolumeManage)?;
        let prepare = async {
            let operation = self.prepare_deletion(pool, name).await?;
            let submission = self.engine.submission(VolumeDelete::KIND, &operation, actor)?;
            let submission = submission.on_volume(&operation.key, &operation.volume.pool);
            // Who remembers it forgets it with its end, and nobody writes the same meanwhile.
            let left_by = operation.left_by.iter();
            Ok(left_by.fold(submission, |taken, vm| taken.claiming_vm(*vm)))
        };
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare_deletion(&self, pool: PoolId, name: &str) -> Result<VolumeDelete> {
        let (view, provider, volume) = self.open(pool, name)?;
        self.engine.may_change(view.provider.0)?;
        let key = VolumeKey { pool, name: name.to_owned() };
        self.refuse_busy(&key).await?;
        let pool_name = &view.observed.name;
        let volumes = self.read(&provider, &volume).await?;
        let Some(found) = volumes.into_iter().find(|volume| volume.name == name) else {
            let message = format!("pool \"{pool_name}\" has no volume \"{name}\"");
            return Err(Error::new(Code::VolumeNotFound, message));
        };
        let owner = self.user_of(&view, &found).or_else(|| {
            let state = self.engine.fleet.read();
            owner_among(state.rows.values().map(Arc::as_ref), view.provider.0, pool_name, name)
        });
        match owner {
            Some(owner) => Err(in_use(name, &owner)),
            None => {
                let left_by = self.left_by(view.provider.0, &volume);
                Ok(VolumeDelete { key, provider: view.provider.0, volume, left_by })
            }
        }
    }

    /// The VMs that have left it behind.
    fn left_by(&self, provider: ProviderId, volume: &VolumeRef) -> Vec<VmId> {
        let state = self.engine.fleet.read();
        let here = state.rows.values().filter(|row| row.provider == Some(provider));
        let left = here.filter(|row| {
            let mut all = bindings(&row.bindings).into_iter();
            all.any(|one| one.disk == LEFT_BEHIND && is_same(&one.volume, volume))
        });
        left.map(|row| row.id).collect()
    }

    /// Refuses while an operation has the volume: what is there now may be half made.
    async fn refuse_busy(&self, key: &VolumeKey) -> Result<()> {
        let resource = Resource::Volume(key.clone());
        match self.engine.store.claims().await?.get(&resource) {
            Some(operation) => Err(busy(key, *operation)),
            None => Ok(()),
        }
    }

    /// The pool, its provider, and a volume of it in the provider's terms.
    fn open(
        &self,
        pool: PoolId,
        volume: &str,
    ) -> Result<(Arc<PoolView>, Arc<dyn Provider>, VolumeRef)> {
        let snapshot = self.engine.fleet.snapshot();
        let view = snapshot.pools.get(&pool).cloned().ok_or_else(|| {
            Error::new(Code::PoolNotFound, format!("there is no pool with the id {pool}"))
        })?;
        let provider = self.engine.provider(view.provider.0)?;
        if provider.storage().is_none() {
            return Err(lacks(Group::Storage));
        }
        // A pool that spans hosts is asked for through any of them.
        let host_ref = view.observed.host_ref.clone().or_else(|| {
            let mut hosts = snapshot.hosts.values();
            let host = hosts.find(|host| host.provider.0 == view.provider.0)?;
            Some(host.observed.host.external_ref.clone())
        });
        let host_ref = host_ref.ok_or_else(|| {
            Error::new(Code::ProviderUnavailable, "no host of the pool is known at present")
        })?;
        let (pool, name) = (view.observed.name.clone(), volume.to_owned());
        Ok((view, provider, VolumeRef { host_ref, pool, name }))
    }

    /// All volumes of the pool that `at` is in.
    async fn read(
        &self,
        provider: &Arc<dyn Provider>,
        at: &VolumeRef,
    ) -> Result<Vec<ObservedVolume>> {
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let cx = Cx::within(self.engine.pace.inventory_deadline);
        Ok(cx.run("list volumes", storage.volumes(&cx, &at.host_ref, &at.pool)).await?)
    }

    fn view(&self, pool: &PoolView, observed: ObservedVolume) -> VolumeView {
        let used_by = self.user_of(pool, &observed);
        VolumeView { observed, used_by }
    }

    /// The VM that uses a volume: by what we made it for, else by what is seen.
    fn user_of(&self, pool: &PoolView, volume: &ObservedVolume) -> Option<(VmId, String)> {
        let snapshot = self.engine.fleet.snapshot();
        let vm = snapshot.users.of(pool.provider.0, &pool.observed, volume)?;
        Some((vm, snapshot.vms.get(&vm)?.name.clone()))
    }
}

impl Inner {
    /// Refuses a VM with volumes that other operations are working on: what is
    /// being made is not there yet, and what is being deleted soon not any more.
    pub(crate) async fn check_volumes(&self, spec: &VmSpec) -> Result<()> {
        let wants = |key: &VolumeKey, in_pool: Option<&str>| {
            spec.disks.iter().any(|disk| match &disk.source {
                DiskSource::Volume { pool, volume } => {
                    *volume == key.name && in_pool.is_none_or(|name| name == pool)
                }
                DiskSource::Empty { .. } | DiskSource::Image { .. } | DiskSource::NoMedia {} => {
                    false
                }
            })
        };
        if !spec.disks.iter().any(|disk| matches!(disk.source, DiskSource::Volume { .. })) {
            return Ok(());
        }
        let claims = self.store.claims().await?;
        let snapshot = self.fleet.snapshot();
        let taken = claims.iter().find_map(|(resource, operation)| {
            let Resource::Volume(key) = resource else { return None };
            let pool = snapshot.pools.get(&key.pool).map(|pool| pool.observed.name.as_str());
            wants(key, pool).then(|| busy(key, *operation))
        });
        taken.map_or(Ok(()), Err)
    }
}

fn busy(key: &VolumeKey, operation: OperationId) -> Error {
    let message =
        format!("operation {operation} is working on volume \"{}\"; wait for it", key.name);
    Error::new(Code::VolumeBusy, message)
        .with_detail("operation", operation)
        .with_detail("resource", Resource::Volume(key.clone()))
}

fn check(volume: &str, capacity_bytes: u64) -> Result<()> {
    let mut faults = Vec::new();
    if let Err(bad) = name::check(volume) {
        faults.push(Fault::new("/name", "bad_name", bad.to_string()));
    }
    if capacity_bytes == 0 || capacity_bytes > DISK_MAX_BYTES {
        let detail = format!("must be from 1 to {DISK_MAX_BYTES}");
        faults.push(Fault::new("/capacity_bytes", "out_of_range", detail));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
}
