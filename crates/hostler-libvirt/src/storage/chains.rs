//! Files that lie on each other: what a snapshot outside of disks leaves, and what keeps a file
//! from being deleted.
//!
//! ```text
//!   web-root.qcow2 ◄── web-root.qcow2.hostler-1 ◄── web-root.qcow2.hostler-2
//!     as of snapshot 1        as of snapshot 2           written to
//!          ▲
//!          └──── web-root.qcow2.hostler-3     left when the VM was put back to snapshot 2
//! ```
//!
//! The names of files that Hostler lays on others are those of the lowest with `.hostler-` and an id:
//! so what was left by a call that broke off is known for what it is. A file is needed by a VM
//! that names it, by a snapshot that is made of it, and by whatever lies on it and is needed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hostler_libvirt_rpc::{Domain, StoragePool, StorageVol, Uuid, flags};
use hostler_provider::{Cx, Error, Kind, Result};

use crate::connection::Link;
use crate::inventory::{PARALLEL, or_none, present};
use crate::xml::domain::files::{DiskFile, Replaced};
use crate::xml::domain::read::Domain as Configuration;
use crate::xml::pool::Pool;
use crate::xml::snapshot::Snapshot;
use crate::xml::volume::Volume;

/// What tells a file that Hostler laid on another one, and what was kept beside it.
pub(crate) const OVERLAY: &str = ".hostler-";
/// What a file ends with that holds memory.
pub(crate) const MEMORY: &str = ".memory";
/// How long an id is as text.
const ID_LENGTH: usize = 36;
/// How long a pool may be busy with other volumes.
const BUSY: Duration = Duration::from_secs(15);
/// The same where it matters less.
const REFRESH: Duration = Duration::from_secs(3);

/// The name of a file without what Hostler added.
pub(crate) fn stem(name: &str) -> &str {
    laid_on(name).unwrap_or(name)
}

/// The name of the lowest file, where Hostler laid that file on another one, or kept it beside
/// one: whatever else is called so is somebody's.
fn laid_on(name: &str) -> Option<&str> {
    let (stem, added) = name.rsplit_once(OVERLAY)?;
    let added = added.strip_suffix(MEMORY).unwrap_or(added);
    let (id, attempt) = (added.get(..ID_LENGTH)?, added.get(ID_LENGTH..)?);
    let is_attempt = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_last = attempt.is_empty() || attempt.strip_prefix('-').is_some_and(is_attempt);
    (uuid::Uuid::parse_str(id).is_ok() && is_last).then_some(stem)
}

/// Directory and name of a file.
pub(crate) fn parts(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The path of a file that is laid on another one, at the attempt of that number. What is in the
/// way is left there: to delete it could come late, and take what was made since.
pub(crate) fn overlay(base: &str, id: impl std::fmt::Display, attempt: usize) -> String {
    let (folder, name) = parts(base);
    format!("{folder}/{}{OVERLAY}{}", stem(name), label(id, attempt))
}

/// What tells the attempts of one request apart.
pub(crate) fn label(id: impl std::fmt::Display, attempt: usize) -> String {
    if attempt == 0 { id.to_string() } else { format!("{id}-{attempt}") }
}

/// A file as its pool knows it.
#[derive(Debug, Clone)]
pub(crate) struct Filed {
    pub(crate) volume: StorageVol,
    pub(crate) read: Volume,
}

impl Filed {
    /// Whether it was laid on that file, to be read so.
    pub(crate) fn lies_on(&self, base: &str, format: &str) -> bool {
        self.read.format.as_deref() == Some("qcow2")
            && self.read.backing.as_deref() == Some(base)
            && self.read.backing_format.as_deref() == Some(format)
    }
}

/// All files of a host's pools, by path.
#[derive(Debug, Default)]
pub(crate) struct Chains(BTreeMap<String, Filed>);

impl Chains {
    pub(crate) fn get(&self, path: &str) -> Option<&Filed> {
        self.0.get(path)
    }

    /// A file and what it lies on, from the top, each with its format. What is plain bytes lies on
    /// nothing, whatever its bytes look like.
    pub(crate) fn of(&self, top: &str) -> Vec<(String, String)> {
        let format = self.0.get(top).and_then(|filed| filed.read.format.clone());
        self.of_disk(top, format.as_deref().unwrap_or("raw"))
    }

    /// The same of a file that is known to be stored so.
    pub(crate) fn of_disk(&self, top: &str, format: &str) -> Vec<(String, String)> {
        let mut chain: Vec<(String, String)> = Vec::new();
        let mut next = Some((top.to_owned(), format.to_owned()));
        while let Some((path, format)) = next {
            if chain.iter().any(|(seen, _)| *seen == path) {
                break; // no file lies on itself, whatever a header says
            }
            let read = self.0.get(&path).map(|filed| &filed.read).filter(|_| format != "raw");
            next = read.and_then(|read| {
                let backing = read.backing.clone()?;
                // What lies on it says how it is to be read, not its own bytes.
                let guessed = self.0.get(&backing).and_then(|filed| filed.read.format.clone());
                let format = read.backing_format.clone().or(guessed);
                Some((backing, format.unwrap_or_else(|| "raw".to_owned())))
            });
            chain.push((path, format));
        }
        chain
    }

    /// A disk as a document has it that tells what the disk lies on.
    pub(crate) fn written(&self, disk: &DiskFile) -> Replaced {
        Replaced {
            target: disk.target.clone(),
            path: disk.path.clone(),
            format: disk.format.clone(),
            chain: Some(self.of_disk(&disk.path, &disk.format).into_iter().skip(1).collect()),
        }
    }

    /// The first attempt none of whose files is there.
    pub(crate) fn free_attempt(&self, files: impl Fn(usize) -> Vec<String>) -> usize {
        let is_free = |attempt: &usize| files(*attempt).iter().all(|f| !self.0.contains_key(f));
        (0..).find(is_free).unwrap_or(usize::MAX)
    }

    /// What lies on a file.
    pub(crate) fn on(&self, base: &str) -> Vec<&str> {
        let lies = |filed: &&Filed| filed.read.backing.as_deref() == Some(base);
        self.0.values().filter(lies).filter_map(|f| f.read.path.as_deref()).collect()
    }

    /// Whether a file that Hostler laid on another one is gone, and not merely unknown: where the
    /// other is, in the same folder, the pool has told of all that is there.
    pub(crate) fn went(&self, laid: &str, below: &str) -> bool {
        let ((folder, name), (of_below, _)) = (parts(laid), parts(below));
        laid_on(name).is_some()
            && folder == of_below
            && self.0.contains_key(below)
            && !self.0.contains_key(laid)
    }

    /// All that is needed for some files: what they lie on, too.
    fn with_chains<'a>(&self, needed: impl Iterator<Item = &'a String>) -> HashSet<String> {
        needed.flat_map(|path| self.of(path)).map(|(path, _)| path).collect()
    }

    /// What Hostler made beside files of these names and nobody needs, what lies highest first.
    pub(crate) fn left_over(&self, stems: &BTreeSet<String>, needed: &Needed) -> Vec<&Filed> {
        let needed = self.with_chains(needed.0.keys());
        let is_left = |(path, _): &(&String, &Filed)| {
            let (_, name) = parts(path);
            laid_on(name).is_some_and(|stem| stems.contains(stem)) && !needed.contains(*path)
        };
        let mut left: Vec<_> = self.0.iter().filter(is_left).collect();
        left.sort_by_key(|(path, _)| std::cmp::Reverse(self.of(path).len()));
        left.into_iter().map(|(_, filed)| filed).collect()
    }
}

/// Files that VMs and their snapshots name, and who does.
#[derive(Debug, Default)]
pub(crate) struct Needed(HashMap<String, BTreeSet<String>>);

impl Needed {
    fn add(&mut self, files: impl IntoIterator<Item = String>, by: Uuid) {
        for file in files {
            self.0.entry(file).or_default().insert(by.to_string());
        }
    }

    /// Whether a VM other than this one names the file.
    pub(crate) fn by_others(&self, file: &str, than: Uuid) -> bool {
        let own = than.to_string();
        self.0.get(file).is_some_and(|by| by.iter().any(|one| *one != own))
    }
}

impl Link {
    /// All files of active pools; pools in whose folders something was made behind their back
    /// are read anew first.
    pub(crate) async fn chains(&self, cx: &Cx, folders: &BTreeSet<String>) -> Result<Chains> {
        let doing = "cannot read the storage pools";
        let active = flags::list_pools::ACTIVE;
        let listed =
            self.look(cx, doing, |c| async move { c.list_all_storage_pools(active).await }).await;
        let mut chains = Chains::default();
        for pool in or_none(listed)? {
            let target = present(self.target(cx, &pool).await)?.flatten();
            if target.is_some_and(|target| folders.contains(&target)) {
                self.refresh_pool(cx, &pool).await?;
            }
            for (volume, read) in present(self.filed(cx, &pool).await)?.unwrap_or_default() {
                if let Some(path) = read.path.clone() {
                    chains.0.insert(path, Filed { volume, read });
                }
            }
        }
        Ok(chains)
    }

    /// The active pool whose volumes are in a folder.
    pub(crate) async fn pool_at(&self, cx: &Cx, folder: &str) -> Result<Option<StoragePool>> {
        let (doing, active) = ("cannot look for the pool", flags::list_pools::ACTIVE);
        let listed =
            self.look(cx, doing, |c| async move { c.list_all_storage_pools(active).await }).await;
        for pool in or_none(listed)? {
            if present(self.target(cx, &pool).await)?.flatten().as_deref() == Some(folder) {
                return Ok(Some(pool));
            }
        }
        Ok(None)
    }

    /// The folder that a pool's volumes are in.
    pub(crate) async fn target(&self, cx: &Cx, pool: &StoragePool) -> Result<Option<String>> {
        let doing = format!("cannot read pool \"{}\"", pool.name);
        let xml =
            self.look(cx, &doing, |c| async move { c.storage_pool_xml(pool, 0).await }).await?;
        let read = Pool::read(&xml).map_err(|bad| {
            Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
        })?;
        Ok(read.target.map(|target| target.trim_end_matches('/').to_owned()))
    }

    /// Has a pool look for files that were made or went behind its back.
    pub(crate) async fn refresh_pool(&self, cx: &Cx, pool: &StoragePool) -> Result<()> {
        let doing = format!("cannot read pool \"{}\" anew", pool.name);
        let patience = cx.at_most(BUSY);
        loop {
            let read =
                self.change(cx, &doing, |c| async move { c.storage_pool_refresh(pool, 0).await });
            match read.await {
                Err(error)
                    if error.kind() == Kind::Unavailable
                        && !error.is_unknown()
                        && !patience.remaining().is_zero() =>
                {
                    let pause = async {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Ok(())
                    };
                    cx.run(&doing, pause).await?;
                }
                other => return other,
            }
        }
    }

    async fn filed(&self, cx: &Cx, pool: &StoragePool) -> Result<Vec<(StorageVol, Volume)>> {
        let doing = format!("cannot list the volumes of \"{}\"", pool.name);
        let all =
            self.look(cx, &doing, |c| async move { c.storage_pool_volumes(pool, 0).await }).await?;
        let read = stream::iter(all).map(|volume| async move {
            let read = present(self.volume(cx, &volume).await)?;
            Ok::<_, Error>(read.map(|read| (volume, read)))
        });
        let read: Vec<_> = read.buffer_unordered(PARALLEL).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// What all VMs and snapshots of the host name.
    pub(crate) async fn needed(&self, cx: &Cx) -> Result<Needed> {
        let mut needed = self.needed_by_snapshots(cx).await?;
        let doing = "cannot list VMs";
        let all = self.look(cx, doing, |c| async move { c.list_all_domains(0).await }).await?;
        let named = stream::iter(all).map(|domain| async move {
            let active = [0, flags::domain_xml::INACTIVE];
            let ways = if domain.is_active() { &active[..] } else { &active[..1] };
            let doing = format!("cannot read the configuration of \"{}\"", domain.name);
            let (of, mut files) = (&domain, Vec::new());
            for way in ways {
                let xml = self.look(cx, &doing, |c| async move { c.domain_xml(of, *way).await });
                if let Some(xml) = present(xml.await)? {
                    files.extend(files_of(&xml, &doing)?);
                }
            }
            Ok::<_, Error>((domain.uuid, files))
        });
        let named: Vec<_> = named.buffer_unordered(PARALLEL).try_collect().await?;
        for (uuid, files) in named {
            needed.add(files, uuid);
        }
        Ok(needed)
    }

    /// What all snapshots of the host are made of.
    pub(crate) async fn needed_by_snapshots(&self, cx: &Cx) -> Result<Needed> {
        let (doing, having) = ("cannot list snapshots", flags::list_domains::HAS_SNAPSHOT);
        let listed =
            self.look(cx, doing, |c| async move { c.list_all_domains(having).await }).await;
        let listed = match listed {
            // A driver without snapshots.
            Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid) => Vec::new(),
            listed => listed?,
        };
        let mut needed = Needed::default();
        for domain in &listed {
            for (read, _) in
                present(self.snapshots_of(cx, domain, doing, 0).await)?.unwrap_or_default()
            {
                for xml in read.definition.iter().chain(&read.running) {
                    needed.add(files_of(xml, doing)?, domain.uuid);
                }
                needed.add(read.memory_file().map(str::to_owned), domain.uuid);
            }
        }
        Ok(needed)
    }

    /// The snapshots of a domain with their documents, parents first.
    pub(crate) async fn snapshots_of(
        &self,
        cx: &Cx,
        domain: &Domain,
        doing: &str,
        xml_flags: u32,
    ) -> Result<Vec<(Snapshot, String)>> {
        let order = flags::snapshot_list::TOPOLOGICAL;
        let listed =
            self.look(cx, doing, |c| async move { c.domain_snapshots(domain, order).await });
        let read = stream::iter(listed.await?).map(|snapshot| async move {
            let of = &snapshot;
            let xml = self
                .look(cx, doing, |c| async move { c.domain_snapshot_xml(of, xml_flags).await })
                .await;
            let Some(xml) = present(xml)? else { return Ok(None) };
            let read = Snapshot::read(&xml).map_err(|bad| {
                Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
            })?;
            Ok::<_, Error>(Some((read, xml)))
        });
        let read: Vec<_> = read.buffered(PARALLEL).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Deletes what Hostler made beside files of these names and nobody needs.
    pub(crate) async fn clear_left_over(
        &self,
        cx: &Cx,
        chains: &Chains,
        stems: &BTreeSet<String>,
    ) -> Result<()> {
        let needed = self.needed(cx).await?;
        for left in chains.left_over(stems, &needed) {
            self.delete_volume(cx, &left.volume).await?;
        }
        Ok(())
    }

    /// Deletes what Hostler laid on a volume, as far as nobody needs it: without what it lies on
    /// it is nothing.
    pub(crate) async fn clear_overlays(
        &self,
        cx: &Cx,
        pool: &StoragePool,
        volume: &StorageVol,
    ) -> Result<()> {
        // A pool that is busy with other volumes shows what it has seen; what it has not is then
        // no reason to wait.
        if let Err(error) = self.refresh_pool(&cx.at_most(REFRESH), pool).await {
            tracing::debug!(pool = %pool.name, %error, "not read anew");
        }
        let chains = self.chains(cx, &BTreeSet::new()).await?;
        if chains.on(&volume.key).is_empty() {
            return Ok(());
        }
        let stems = BTreeSet::from([stem(&volume.name).to_owned()]);
        let lies = |filed: &&Filed| {
            let path = filed.read.path.as_deref().unwrap_or_default();
            let mut below = chains.of(path).into_iter().skip(1);
            below.any(|(below, _)| below == volume.key)
        };
        let needed = self.needed(cx).await?;
        for left in chains.left_over(&stems, &needed).into_iter().filter(lies) {
            self.delete_volume(cx, &left.volume).await?;
        }
        Ok(())
    }
}

fn files_of(xml: &str, doing: &str) -> Result<Vec<String>> {
    let read = Configuration::read(xml).map_err(|bad| {
        Error::new(Kind::Bug, format!("{doing}: it makes no sense")).with_raw(bad)
    })?;
    Ok(read.volumes)
}

#[cfg(test)]
mod tests;
