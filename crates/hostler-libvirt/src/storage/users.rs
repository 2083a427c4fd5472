//! Who uses a volume: nothing is deleted that a VM or another volume needs (I5).

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_libvirt_rpc::{Domain, StoragePool, StorageVol, flags};
use hostler_provider::{Cx, Error, Kind, Result};

use crate::connection::Link;
use crate::inventory::{PARALLEL, present};
use crate::xml;

impl Link {
    /// Refuses when a VM, running or not, has the volume anywhere in its
    /// disks' chains or boots from it, now or after its next start, or another volume of the pool lies on it. What could not
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
        // Read anew, whatever events have told: nobody gets a deleted volume back.
        let Some(known) = present(self.read(cx, domain).await)? else { return Ok(false) };
        let is_one = |used: &String| names.iter().flatten().any(|name| name == used);
        if known.domain.volumes.iter().any(is_one) {
            return Ok(true);
        }
        if !domain.is_active() {
            return Ok(false);
        }
        // A running VM may get others at its next start.
        let doing = format!("cannot read the configuration of \"{}\"", domain.name);
        let inactive = flags::domain_xml::INACTIVE;
        let read =
            self.look(cx, &doing, |c| async move { c.domain_xml(domain, inactive).await }).await;
        let Some(xml) = present(read)? else { return Ok(false) };
        let next = xml::domain::read::Domain::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        Ok(next.volumes.iter().any(is_one))
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
