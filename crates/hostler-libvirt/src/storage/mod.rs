//! Volumes in pools.
//!
//! libvirt can neither rename a volume nor say whether one was filled to the
//! end, so a second, tiny volume says that the first is not: it is made before
//! and removed after.
//!
//! ```text
//!   nothing ──► marker ──► marker + volume ──► marker + filled volume ──► volume
//!      ▲          │              │                      │
//!      └──────────┴─ found at the next attempt: volume removed, filled anew ─┘
//! ```
//!
//! A volume without a marker is whole, because whoever made it came to the end.
//! An attempt of which a call was not answered leaves its marker, since what it
//! asked may still come.
//! This works for every kind of pool that can make volumes at all, survives a
//! crash of ours and of the daemon at every point, and shows in `virsh` what it
//! is: `NAME.hostler-partial`.

pub(crate) mod chains;
mod fill;
mod place;
mod users;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::devices::VolumeFormat;
use hostler_libvirt_rpc::{StoragePool, StorageVol};
use hostler_provider::{Cx, EnsureVolume, Error, Kind, Result, Storage, VolumeInfo, VolumeRef};

use crate::Libvirt;
use crate::connection::Link;
use crate::inventory::{PARALLEL, present};
use crate::xml::volume::Volume;

/// How volumes are stored here; a disk that asks for nothing has the first.
pub(crate) const FORMATS: &[VolumeFormat] = &[VolumeFormat::Qcow2, VolumeFormat::Raw];

/// How a volume is stored that was made for a disk.
pub(crate) fn made_as(asked: Option<VolumeFormat>) -> VolumeFormat {
    asked.or_else(|| FORMATS.first().copied()).unwrap_or_default()
}

/// The end of a marker's name.
pub(crate) const MARKER: &str = ".hostler-partial";

#[async_trait]
impl Storage for Libvirt {
    fn formats(&self) -> &'static [VolumeFormat] {
        FORMATS
    }

    async fn default_pool(&self, cx: &Cx, host_ref: &str) -> Result<String> {
        self.link.expect_host(cx, host_ref).await?;
        let pools = self.link.pools(cx, host_ref).await?;
        // One that could not be read may be active, and is no place to begin with.
        let usable = pools.into_iter().filter(|p| p.active && p.available_bytes.value().is_some());
        let room = |pool: &hostler_core::storage::ObservedPool| {
            (pool.name == "default", pool.available_bytes.value().copied().unwrap_or(0))
        };
        usable.max_by_key(room).map(|pool| pool.name).ok_or_else(|| {
            Error::new(Kind::NotFound, "the host has no active storage pool; make one first")
        })
    }

    async fn ensure_volume(&self, cx: &Cx, request: &EnsureVolume<'_>) -> Result<VolumeInfo> {
        self.link.expect_host(cx, &request.volume.host_ref).await?;
        fill::ensure(&self.link, cx, request, false).await
    }

    async fn remove_volume(&self, cx: &Cx, volume: &VolumeRef) -> Result<()> {
        self.link.expect_host(cx, &volume.host_ref).await?;
        let Some(pool) = present(self.link.pool_named(cx, &volume.pool).await)? else {
            return Ok(());
        };
        let found = self.link.find_volume(cx, &pool, &volume.name).await?;
        if let Some(found) = &found {
            self.link.clear_overlays(cx, &pool, found).await?;
            self.link.refuse_in_use(cx, &pool, found).await?;
            self.link.delete_volume(cx, found).await?;
        }
        let marker = async {
            let marker = format!("{}{MARKER}", volume.name);
            match self.link.find_volume(cx, &pool, &marker).await? {
                Some(marker) => self.link.delete_volume(cx, &marker).await,
                None => Ok(()),
            }
        };
        match marker.await {
            // The volume itself is gone.
            Err(error) if found.is_some() => Err(error.with_unknown_effect()),
            ended => ended,
        }
    }

    async fn volumes(&self, cx: &Cx, host_ref: &str, pool: &str) -> Result<Vec<ObservedVolume>> {
        self.link.expect_host(cx, host_ref).await?;
        let pool = &self.link.pool_named(cx, pool).await?;
        let doing = format!("cannot list the volumes of \"{}\"", pool.name);
        let all =
            self.link.look(cx, &doing, |c| async move { c.storage_pool_volumes(pool, 0).await });
        let read = stream::iter(all.await?)
            .filter(|volume| std::future::ready(!volume.name.ends_with(MARKER)))
            .map(|volume| async move { present(self.link.volume(cx, &volume).await) });
        let found: Vec<_> = read.buffered(PARALLEL).try_collect().await?;
        let mut volumes: Vec<_> = found.into_iter().flatten().map(observed).collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }
}

fn observed(volume: Volume) -> ObservedVolume {
    ObservedVolume {
        name: volume.name,
        format: volume.format,
        capacity_bytes: volume.capacity_bytes,
        allocated_bytes: volume.allocated_bytes,
        path: volume.path,
        backing: volume.backing,
    }
}

impl Link {
    /// Copies a volume that [`Link::judge_chain`] let through, with all that it lies on.
    pub(crate) async fn ensure_copy(
        &self,
        cx: &Cx,
        request: &EnsureVolume<'_>,
    ) -> Result<VolumeInfo> {
        fill::ensure(self, cx, request, true).await
    }

    /// An active pool.
    pub(crate) async fn pool_named(&self, cx: &Cx, name: &str) -> Result<StoragePool> {
        let doing = format!("cannot use the pool \"{name}\"");
        let found = self.look(cx, &doing, |c| async move {
            let pool = c.storage_pool_lookup_by_name(name).await?;
            let active = c.storage_pool_is_active(&pool).await?;
            Ok((pool, active))
        });
        match found.await? {
            (pool, true) => Ok(pool),
            (_, false) => Err(Error::new(Kind::Conflict, format!("{doing}: it is not active"))),
        }
    }

    /// A volume of a pool, if it is there.
    pub(crate) async fn find_volume(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        name: &str,
    ) -> Result<Option<StorageVol>> {
        let doing = format!("cannot look for the volume {}/{name}", pool.name);
        let found = self
            .look(cx, &doing, |c| async move { c.storage_vol_lookup_by_name(pool, name).await });
        present(found.await)
    }

    /// A volume's description, read now.
    pub(crate) async fn volume(&self, cx: &Cx, volume: &StorageVol) -> Result<Volume> {
        let doing = format!("cannot read the volume {}/{}", volume.pool, volume.name);
        let xml =
            self.look(cx, &doing, |c| async move { c.storage_vol_xml(volume, 0).await }).await?;
        Volume::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })
    }

    /// Deletes a volume. One that is just being let go (an upload that was
    /// broken off) is tried for a while; absent is success.
    pub(crate) async fn delete_volume(&self, cx: &Cx, volume: &StorageVol) -> Result<()> {
        let doing = format!("cannot delete the volume {}/{}", volume.pool, volume.name);
        let patience = cx.at_most(std::time::Duration::from_secs(10));
        loop {
            let deleted =
                self.change(cx, &doing, |c| async move { c.storage_vol_delete(volume, 0).await });
            match deleted.await {
                Err(error) if error.kind() == Kind::NotFound => return Ok(()),
                Err(error) if error.kind() == Kind::Conflict && !patience.remaining().is_zero() => {
                    let pause = std::time::Duration::from_millis(200);
                    cx.run(&doing, async {
                        tokio::time::sleep(pause).await;
                        Ok(())
                    })
                    .await?;
                }
                other => return other,
            }
        }
    }
}
