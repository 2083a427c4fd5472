//! Who uses a volume: nothing is deleted that a VM or another volume needs (I5),
//! and nothing is trusted that a guest can still write to (A4).

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_libvirt_rpc::{Domain, StoragePool, StorageVol, Uuid, flags};
use hostler_provider::{Cx, Error, Kind, Result};

use crate::connection::Link;
use crate::inventory::{PARALLEL, present};
use crate::xml::domain::read::Domain as Configuration;
use crate::xml::volume::Volume;

/// No VM.
const NOBODY: Uuid = Uuid([0; 16]);

/// Which uses of a volume are no obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// None: whoever has it, running or not, is in the way.
    Nobody,
    /// Those of VMs that can only read it.
    Readers,
    /// Those of VMs that are off, or can only read it.
    Idle,
}

impl Link {
    /// Refuses when a VM, running or not, has the volume anywhere in its
    /// disks' chains or boots from it, now or after its next start, or another
    /// volume lies on it. What could not be read counts as a user: a deletion
    /// cannot be taken back. What is not there any more has no users.
    pub(crate) async fn refuse_in_use(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        volume: &StorageVol,
    ) -> Result<()> {
        let doing = format!("cannot delete the volume {}/{}", pool.name, volume.name);
        let Some(read) = present(self.volume(cx, volume).await)? else { return Ok(()) };
        let names = read.names(&pool.name);
        self.refuse_users(cx, &doing, &names, Sharing::Nobody).await?;
        let snapshots = self.needed_by_snapshots(cx).await?;
        if names.iter().any(|name| snapshots.by_others(name, NOBODY)) {
            let message = format!("{doing}: a VM's snapshot is made of it; delete that first");
            return Err(Error::new(Kind::Conflict, message));
        }
        if read.path.is_none() {
            return Ok(()); // nothing could name it
        }
        // A VM that is off tells only the top of its disks' chains, and the
        // overlay in between may be in any pool.
        let active = flags::list_pools::ACTIVE;
        let pools = self
            .look(cx, &doing, |c| async move { c.list_all_storage_pools(active).await })
            .await?;
        for pool in &pools {
            if let Some(overlay) = self.overlay_of(cx, pool, &names, &doing).await? {
                let message = format!("{doing}: the volume {}/{overlay} lies on it", pool.name);
                return Err(Error::new(Kind::Conflict, message));
            }
        }
        Ok(())
    }

    /// Refuses when a VM uses what has one of these names, other than `sharing`
    /// allows.
    pub(crate) async fn refuse_users(
        &self,
        cx: &Cx,
        doing: &str,
        names: &[String],
        sharing: Sharing,
    ) -> Result<()> {
        let all = self.look(cx, doing, |c| async move { c.list_all_domains(0).await }).await?;
        let users = stream::iter(all).map(|domain| async move {
            self.uses(cx, &domain, names, sharing).await.map(|u| u.then_some(domain.name))
        });
        let users: Vec<Option<String>> = users.buffer_unordered(PARALLEL).try_collect().await?;
        match users.into_iter().flatten().min() {
            Some(user) => {
                Err(Error::new(Kind::Conflict, format!("{doing}: the VM \"{user}\" uses it")))
            }
            None => Ok(()),
        }
    }

    async fn uses(
        &self,
        cx: &Cx,
        domain: &Domain,
        names: &[String],
        sharing: Sharing,
    ) -> Result<bool> {
        if sharing == Sharing::Idle && !domain.is_active() {
            return Ok(false);
        }
        // Read anew, whatever events have told: nobody gets a deleted volume back.
        let Some(known) = present(self.read(cx, domain).await)? else { return Ok(false) };
        if is_used(&known.domain, names, sharing) {
            return Ok(true);
        }
        if !domain.is_active() || sharing == Sharing::Idle {
            return Ok(false);
        }
        // A running VM may get others at its next start.
        let doing = format!("cannot read the configuration of \"{}\"", domain.name);
        let inactive = flags::domain_xml::INACTIVE;
        let read =
            self.look(cx, &doing, |c| async move { c.domain_xml(domain, inactive).await }).await;
        let Some(xml) = present(read)? else { return Ok(false) };
        let next = Configuration::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        Ok(is_used(&next, names, sharing))
    }

    /// A volume of the pool that lies on one of these. A pool that is there and
    /// cannot be read is refused.
    async fn overlay_of(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        names: &[String],
        doing: &str,
    ) -> Result<Option<String>> {
        let volumes = match present(self.all_volumes(cx, pool).await) {
            Ok(Some(volumes)) => volumes,
            Ok(None) => return Ok(None), // it vanished meanwhile
            Err(error) if error.kind().is_transient() || error.kind() == Kind::Cancelled => {
                return Err(error);
            }
            Err(error) => {
                let message = format!(
                    "{doing}: the pool \"{}\" cannot be read, and something in it may lie on it",
                    pool.name
                );
                let refused = Error::new(Kind::Conflict, message);
                return Err(refused.with_raw(error.raw().unwrap_or(error.message())));
            }
        };
        let lies_on = |backing: &str| names.iter().any(|name| name == backing);
        Ok(volumes
            .into_iter()
            .find(|volume| volume.backing.as_deref().is_some_and(lies_on))
            .map(|volume| volume.name))
    }

    async fn all_volumes(&self, cx: &Cx, pool: &StoragePool) -> Result<Vec<Volume>> {
        let doing = format!("cannot list the volumes of \"{}\"", pool.name);
        let all =
            self.look(cx, &doing, |c| async move { c.storage_pool_volumes(pool, 0).await }).await?;
        let read =
            stream::iter(all).map(|volume| async move { present(self.volume(cx, &volume).await) });
        let read: Vec<Option<Volume>> = read.buffer_unordered(PARALLEL).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }
}

/// Whether a VM so configured uses one of these, other than `sharing` allows.
fn is_used(domain: &Configuration, names: &[String], sharing: Sharing) -> bool {
    let all = domain.volumes.iter().filter(|used| names.contains(used)).count();
    let read_only = domain.disks.iter().filter(|disk| {
        disk.read_only && disk.source.as_ref().is_some_and(|source| names.contains(source))
    });
    // What is no disk's own source, such as a variable store, may be written to.
    all > if sharing == Sharing::Nobody { 0 } else { read_only.count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_a_user_but_no_writer() {
        let domain = |device: &str, more: &str| {
            Configuration::read(&format!(
                "<domain><name>a</name><os><type>hvm</type>{more}</os><devices>\
                 <disk device='{device}'><source file='/p/v'/><target dev='sda'/></disk>\
                 </devices></domain>"
            ))
            .unwrap()
        };
        let names = ["/p/v".to_owned(), "p/v".to_owned()];
        let reader = domain("cdrom", "");
        assert!(is_used(&reader, &names, Sharing::Nobody));
        assert!(!is_used(&reader, &names, Sharing::Readers));
        assert!(!is_used(&reader, &["/p/w".to_owned()], Sharing::Nobody));
        assert!(is_used(&domain("disk", ""), &names, Sharing::Readers));
        let writes_too = domain("cdrom", "<nvram>/p/v</nvram>");
        assert!(is_used(&writes_too, &names, Sharing::Readers));
    }
}
