//! Who uses a volume: nothing is deleted that a VM or another volume needs (I5).

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_libvirt_rpc::{Domain, StoragePool, StorageVol};
use hostler_provider::{Cx, Error, Kind, Result};

use crate::connection::Link;
use crate::inventory::{PARALLEL, present};

impl Link {
    /// Refuses when a VM, running or not, has the volume anywhere in its
    /// disks' chains, or another volume of the pool lies on it. What could not
    /// be read counts as a user: a deletion cannot be taken back.
    pub(super) async fn refuse_in_use(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        volume: &StorageVol,
    ) -> Result<()> {
        let doing = format!("cannot delete the volume {}/{}", pool.name, volume.name);
        let path = self.volume(cx, volume).await?.path;
        let names = [path.clone(), Some(format!("{}/{}", pool.name, volume.name))];
        let all = self.look(cx, &doing, |c| async move { c.list_all_domains(0).await }).await?;
        let (names, doing) = (&names, &doing);
        let users = stream::iter(all).map(|domain| async move {
            self.uses(cx, &domain, names).await.map(|u| u.then_some(domain.name))
        });
        let users: Vec<Option<String>> = users.buffer_unordered(PARALLEL).try_collect().await?;
        if let Some(user) = users.into_iter().flatten().min() {
            return Err(Error::new(Kind::Conflict, format!("{doing}: the VM \"{user}\" uses it")));
        }
        match (path, self.overlay_of(cx, pool, names).await?) {
            (Some(_), Some(overlay)) => {
                let message = format!("{doing}: the volume \"{overlay}\" lies on it");
                Err(Error::new(Kind::Conflict, message))
            }
            _ => Ok(()),
        }
    }

    async fn uses(&self, cx: &Cx, domain: &Domain, names: &[Option<String>]) -> Result<bool> {
        let known = match self.cache.fresh(domain) {
            Some(known) => known,
            None => match present(self.read(cx, domain).await)? {
                Some(known) => known,
                None => return Ok(false),
            },
        };
        Ok(known.domain.volumes.iter().any(|used| names.iter().flatten().any(|n| n == used)))
    }

    /// A volume of the pool that lies on one of these.
    async fn overlay_of(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        names: &[Option<String>],
    ) -> Result<Option<String>> {
        let doing = format!("cannot list the volumes of \"{}\"", pool.name);
        let all =
            self.look(cx, &doing, |c| async move { c.storage_pool_volumes(pool, 0).await }).await?;
        let read =
            stream::iter(all).map(|volume| async move { present(self.volume(cx, &volume).await) });
        let volumes: Vec<_> = read.buffer_unordered(PARALLEL).try_collect().await?;
        let lies_on = |backing: &str| names.iter().flatten().any(|name| name == backing);
        Ok(volumes
            .into_iter()
            .flatten()
            .find(|volume| volume.backing.as_deref().is_some_and(lies_on))
            .map(|volume| volume.name))
    }
}
