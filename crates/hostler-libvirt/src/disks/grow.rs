//! Making a disk larger.
//!
//! ```text
//!   as large already? ─ yes ─► success: a disk never becomes smaller
//!      │ no
//!      ├── the VM is on ──► its hypervisor, which tells the guest
//!      └── it is off ─────► its pool, unless a VM that is on has the file as well
//! ```
//!
//! It is always the file that the VM writes to: what lies under it is of snapshots, and stays.

use hostler_libvirt_rpc::{StorageVol, flags};
use hostler_provider::{Change, Cx, DiskRef, Error, Kind, Result, VmRef};

use super::look::Look;
use crate::connection::{Link, reference};
use crate::inventory::present;
use crate::storage::users::Sharing;
use crate::xml::domain::attached::Attached;

/// Makes a disk at least so large; how large it is.
pub(super) async fn grow(
    link: &Link,
    cx: &Cx,
    vm: &VmRef,
    disk: &DiskRef,
    capacity_bytes: u64,
) -> Result<u64> {
    let doing = format!("cannot make disk {disk} of {vm} larger");
    let _one_at_a_time = cx.run(&doing, async { Ok(link.defining.lock().await) }).await?;
    let look = link.look_at_disks(cx, &doing, vm).await?;
    let job = Growing { link, cx, doing, look, capacity_bytes };
    let grown = job.run(disk).await?;
    link.cache.touch(job.look.domain.uuid);
    link.hub.publish(&Change::Vm(reference(&job.look.domain)));
    Ok(grown)
}

/// One disk that is made larger.
struct Growing<'a> {
    link: &'a Link,
    cx: &'a Cx,
    doing: String,
    look: Look,
    capacity_bytes: u64,
}

impl Growing<'_> {
    async fn run(&self, disk: &DiskRef) -> Result<u64> {
        let is_meant = |seen: Option<_>| seen.is_some_and(|seen| disk.is(&seen));
        let pairs = self.look.pairs();
        let pair = pairs.into_iter().find(|pair| is_meant(self.look.tell(*pair)));
        let pair = pair.ok_or_else(|| self.error(Kind::NotFound, "the VM has no such disk"))?;
        self.look.check_state(&self.doing, false)?;
        match (pair.live, pair.next) {
            (Some(live), _) => self.in_what_runs(live).await,
            // It is on, and gets the disk with its next start.
            (None, Some(next)) => self.in_its_pool(next).await,
            (None, None) => Err(self.error(Kind::Bug, "it is in neither document")),
        }
    }

    async fn in_what_runs(&self, disk: &Attached) -> Result<u64> {
        let (domain, target, wanted) = (&self.look.domain, &disk.target, self.capacity_bytes);
        let size = || async {
            let info = self.link.look(self.cx, &self.doing, |c| async move {
                c.domain_block_info(domain, target, 0).await
            });
            info.await.map(|info| info.capacity_bytes)
        };
        let now = size().await?;
        if now >= wanted {
            return Ok(now);
        }
        let resized = self.link.change(self.cx, &self.doing, |c| async move {
            c.domain_block_resize(domain, target, wanted, flags::block_resize::BYTES).await
        });
        resized.await?;
        self.check_grown(size().await.map_err(Error::with_unknown_effect)?)
    }

    async fn in_its_pool(&self, disk: &Attached) -> Result<u64> {
        let volume = self.volume_of(disk).await?;
        let volume = &volume;
        let read = self.link.volume(self.cx, volume).await?;
        // Pools guess the format by the bytes, and those are the guest's.
        if read.format.is_some() && disk.format.is_some() && read.format != disk.format {
            let what = "its pool takes its bytes for another format than the VM does; start the \
                        VM, so that its hypervisor does it";
            return Err(self.error(Kind::Conflict, what));
        }
        if read.capacity_bytes >= self.capacity_bytes {
            return Ok(read.capacity_bytes);
        }
        let names = read.names(&volume.pool);
        self.link.refuse_users(self.cx, &self.doing, &names, Sharing::Idle).await?;
        let wanted = self.capacity_bytes;
        let resized = self.link.change(self.cx, &self.doing, |c| async move {
            c.storage_vol_resize(volume, wanted, 0).await
        });
        resized.await?;
        let read = self.link.volume(self.cx, volume).await;
        self.check_grown(read.map_err(Error::with_unknown_effect)?.capacity_bytes)
    }

    /// The volume that the VM will write to.
    async fn volume_of(&self, disk: &Attached) -> Result<StorageVol> {
        let (named, path) = (disk.volume.as_ref(), disk.source.as_deref().unwrap_or_default());
        let found = self.link.look(self.cx, &self.doing, |c| async move {
            match named {
                Some((pool, volume)) => {
                    let pool = c.storage_pool_lookup_by_name(pool).await?;
                    c.storage_vol_lookup_by_name(&pool, volume).await
                }
                None => c.storage_vol_lookup_by_path(path).await,
            }
        });
        present(found.await)?.ok_or_else(|| {
            let what = "its bytes are in no pool that is active; start the VM, so that its \
                        hypervisor does it, or make a pool of the folder they are in";
            self.error(Kind::Conflict, what)
        })
    }

    /// What took effect, as it is read back.
    fn check_grown(&self, bytes: u64) -> Result<u64> {
        if bytes >= self.capacity_bytes {
            return Ok(bytes);
        }
        let what = format!("it has {bytes} bytes afterwards, not {}", self.capacity_bytes);
        Err(self.error(Kind::Conflict, &what).with_unknown_effect())
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }
}
