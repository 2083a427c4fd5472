//! Volumes of pools, read from the provider when somebody asks.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::{PoolId, VmId};
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::check::DISK_MAX_BYTES;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::{Code, Error, Result, name};
use hostler_provider::{Cx, EnsureVolume, Group, Provider, VolumeContent, VolumeRef};

use crate::operations::lacks;
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

impl<'a> Volumes<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// All volumes of a pool, sorted by name.
    pub async fn list(&self, pool: PoolId) -> Result<Vec<VolumeView>> {
        let (view, provider, host_ref) = self.open(pool)?;
        let volumes = self.read(&provider, &host_ref, &view.observed.name).await?;
        Ok(volumes.into_iter().map(|observed| self.view(&view, observed)).collect())
    }

    /// Makes an empty volume.
    pub async fn create(
        &self,
        actor: &Actor,
        pool: PoolId,
        name: &str,
        capacity_bytes: u64,
        format: VolumeFormat,
    ) -> Result<VolumeView> {
        access::may(actor, Permission::VolumeManage)?;
        check(name, capacity_bytes)?;
        let (view, provider, host_ref) = self.open(pool)?;
        let pool_name = &view.observed.name;
        // `ensure_volume` makes a half-filled volume anew, so what exists is refused first.
        let existing = self.read(&provider, &host_ref, pool_name).await?;
        if existing.iter().any(|volume| volume.name == name) {
            let message = format!("pool \"{pool_name}\" has a volume \"{name}\"");
            return Err(Error::new(Code::VolumeExists, message));
        }
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let volume = VolumeRef {
            host_ref: host_ref.clone(),
            pool: pool_name.clone(),
            name: name.to_owned(),
        };
        let content = VolumeContent::Empty;
        let request = EnsureVolume { volume: &volume, capacity_bytes, format, content };
        let cx = Cx::within(self.engine.pace.inventory_deadline);
        cx.run("make volume", storage.ensure_volume(&cx, &request)).await?;
        let made = self.read(&provider, &host_ref, pool_name).await?;
        made.into_iter()
            .find(|volume| volume.name == name)
            .map(|observed| self.view(&view, observed))
            .ok_or_else(|| {
                let message = format!("volume \"{name}\" was made and is not there");
                Error::new(Code::ProviderBug, message)
            })
    }

    /// Deletes a volume and the data on it; refused while a known VM uses it.
    pub async fn delete(&self, actor: &Actor, pool: PoolId, name: &str) -> Result<()> {
        access::may(actor, Permission::VolumeManage)?;
        let (view, provider, host_ref) = self.open(pool)?;
        let pool_name = &view.observed.name;
        let volumes = self.read(&provider, &host_ref, pool_name).await?;
        let Some(found) = volumes.into_iter().find(|volume| volume.name == name) else {
            let message = format!("pool \"{pool_name}\" has no volume \"{name}\"");
            return Err(Error::new(Code::VolumeNotFound, message));
        };
        if let Some((vm, vm_name)) = self.view(&view, found).used_by {
            let message = format!("volume \"{name}\" belongs to VM \"{vm_name}\"");
            return Err(Error::new(Code::VolumeInUse, message).with_detail("vm", vm));
        }
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let volume = VolumeRef { host_ref, pool: pool_name.clone(), name: name.to_owned() };
        let cx = Cx::within(self.engine.pace.inventory_deadline);
        Ok(cx.run("delete volume", storage.remove_volume(&cx, &volume)).await?)
    }

    fn open(&self, pool: PoolId) -> Result<(Arc<PoolView>, Arc<dyn Provider>, String)> {
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
        Ok((view, provider, host_ref))
    }

    async fn read(
        &self,
        provider: &Arc<dyn Provider>,
        host_ref: &str,
        pool: &str,
    ) -> Result<Vec<ObservedVolume>> {
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let cx = Cx::within(self.engine.pace.inventory_deadline);
        Ok(cx.run("list volumes", storage.volumes(&cx, host_ref, pool)).await?)
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
