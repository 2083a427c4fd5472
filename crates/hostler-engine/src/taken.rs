//! Who else has a volume: by what is seen of VMs, whoever made them, and by what is asked of
//! ours, made for them, or is being made for them.
//!
//! A volume is seen under the words of its provider: its path, which its pool tells also where the
//! VM that it was made for does not have it any more, or is not there itself.

use std::collections::{BTreeMap, BTreeSet};

use hostler_core::id::{ProviderId, VmId};
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskSource, DiskSpec};
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, VolumeRef};
use hostler_store::VmRow;

use crate::bound::{LEFT_BEHIND, bindings};
use crate::fleet::snapshot::Snapshot;
use crate::operations::disk_attach::is_written;
use crate::operations::vm_create::is_made_for;
use crate::{Inner, VmView};

/// A VM by its id and its name.
pub(crate) type Named = (VmId, String);

impl Inner {
    /// Refuses to remove volumes of a VM when another one has them. The provider would refuse,
    /// too, as far as it knows.
    pub(crate) async fn refuse_shared(
        &self,
        vm: VmId,
        provider: ProviderId,
        volumes: &[VolumeRef],
    ) -> Result<()> {
        match self.used(vm, provider, volumes).await?.into_iter().next() {
            Some((volume, other)) => Err(in_use(&volume.name, &other)),
            None => Ok(()),
        }
    }

    /// Refuses a VM with volumes that a guest of another one may write to.
    pub(crate) async fn refuse_given(
        &self,
        vm: VmId,
        (provider, host_ref): (ProviderId, &str),
        spec: &VmSpec,
    ) -> Result<()> {
        let given = spec.disks.iter().filter(|disk| is_written(disk)).filter_map(|disk| {
            let DiskSource::Volume { pool, volume } = &disk.source else { return None };
            let (pool, name) = (pool.clone(), volume.clone());
            Some(VolumeRef { host_ref: host_ref.to_owned(), pool, name })
        });
        self.refuse_shared(vm, provider, &given.collect::<Vec<_>>()).await
    }

    /// Those of volumes that another VM than `vm` has, or is about to have, with that one.
    ///
    /// # Errors
    /// Where their pools cannot be read: then nobody knows.
    pub(crate) async fn used(
        &self,
        vm: VmId,
        provider: ProviderId,
        volumes: &[VolumeRef],
    ) -> Result<Vec<(VolumeRef, Named)>> {
        if volumes.is_empty() {
            return Ok(Vec::new());
        }
        let paths = self.paths(provider, volumes).await?;
        let rows = self.store.vms().await?;
        let snapshot = self.fleet.snapshot();
        let used = volumes.iter().zip(paths).filter_map(|(volume, path)| {
            let other = other_user(&snapshot, &rows, vm, provider, volume, path.as_deref())?;
            Some((volume.clone(), other))
        });
        Ok(used.collect())
    }

    /// The paths of volumes as their pools tell them now, one for each.
    async fn paths(
        &self,
        provider: ProviderId,
        volumes: &[VolumeRef],
    ) -> Result<Vec<Option<String>>> {
        let provider = self.provider(provider)?;
        let Some(storage) = provider.storage() else { return Ok(vec![None; volumes.len()]) };
        let cx = Cx::within(self.pace.inventory_deadline).with_clock(self.clock.clone());
        let places: BTreeSet<_> =
            volumes.iter().map(|one| (one.host_ref.as_str(), one.pool.as_str())).collect();
        let mut listed = BTreeMap::new();
        for place @ (host_ref, pool) in places {
            let listing = storage.volumes(&cx, host_ref, pool);
            match cx.run("list volumes", listing).await {
                Ok(found) => drop(listed.insert(place, found)),
                // Nothing is left there that somebody could have.
                Err(error) if error.kind() == hostler_provider::Kind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let path = |volume: &VolumeRef| {
            let there = listed.get(&(volume.host_ref.as_str(), volume.pool.as_str()))?;
            there.iter().find(|one| one.name == volume.name)?.path.clone()
        };
        Ok(volumes.iter().map(path).collect())
    }
}

/// Another VM that has a volume of `vm`, which has this path: by what is seen, else by what was
/// asked for it.
pub(crate) fn other_user(
    snapshot: &Snapshot,
    rows: &[VmRow],
    vm: VmId,
    provider: ProviderId,
    volume: &VolumeRef,
    path: Option<&str>,
) -> Option<Named> {
    let pool = snapshot.pools.values().find(|pool| {
        let on = pool.observed.host_ref.as_ref();
        pool.provider.0 == provider
            && pool.observed.name == volume.pool
            && on.is_none_or(|host| *host == volume.host_ref)
    });
    let seen = pool.and_then(|pool| {
        let seen_with = snapshot.vms.get(&vm).map(|view| paths_of(view, volume));
        let paths = seen_with.into_iter().flatten().chain(path);
        let users = snapshot.users.all_of(provider, &pool.observed, &volume.name, paths);
        let other = users.filter(|user| *user != vm).min()?;
        Some((other, snapshot.vms.get(&other)?.name.clone()))
    });
    let others = rows.iter().filter(|row| row.id != vm);
    seen.or_else(|| owner_among(others, provider, &volume.pool, &volume.name))
}

/// The words under which a VM was seen to use a volume of its own, so that others
/// who use it by the same words are found. Files and devices of volumes end with
/// the volume's name.
fn paths_of<'a>(vm: &'a VmView, volume: &VolumeRef) -> Vec<&'a str> {
    let disks = vm.observed.as_ref().and_then(|seen| seen.disks.value());
    let sources = disks.into_iter().flatten().filter_map(|disk| disk.source.as_deref());
    sources.filter(|source| source.rsplit('/').next() == Some(volume.name.as_str())).collect()
}

/// The VM among `rows` that has or is about to have the volume, by what was
/// asked for it, made for it, or is being made for it.
pub(crate) fn owner_among<'a>(
    rows: impl Iterator<Item = &'a VmRow>,
    provider: ProviderId,
    pool: &str,
    name: &str,
) -> Option<Named> {
    // A VM without a place yet may come to be here.
    let mut here = rows.filter(|row| row.provider.is_none_or(|at| at == provider));
    let asked_for = |disk: &DiskSpec| match &disk.source {
        DiskSource::Volume { pool: in_pool, volume } => in_pool == pool && volume == name,
        DiskSource::Empty { .. } | DiskSource::Image { .. } | DiskSource::NoMedia {} => false,
    };
    let owner = here.find(|row| {
        let is_making = row.phase == Phase::Creating && is_made_for(row.id, name);
        is_making
            || row.spec.disks.iter().any(asked_for)
            || bindings(&row.bindings)
                .iter()
                .any(|b| b.disk != LEFT_BEHIND && b.volume.pool == pool && b.volume.name == name)
    })?;
    Some((owner.id, owner.spec.name.clone()))
}

/// A VM has the volume.
pub(crate) fn in_use(volume: &str, (vm, name): &Named) -> Error {
    let message = format!("volume \"{volume}\" belongs to VM \"{name}\"");
    Error::new(Code::VolumeInUse, message).with_detail("vm", vm)
}
