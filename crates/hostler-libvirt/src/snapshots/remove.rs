//! Deleting a snapshot.
//!
//! ```text
//!   file of the snapshot ◄── file laid on it ◄── …   the only one, and the VM's: libvirt merges
//!   file of the snapshot ◄─┬ file laid on it          them (from 9.0 on; a VM that is off is
//!                          └ file laid on it          held by a hypervisor for that)
//!                              several, or not the VM's: nothing is merged, only libvirt's record goes
//!   then: what Hostler made and nobody needs any more goes
//! ```
//!
//! Merging writes into the file of the snapshot that goes, and into no other; what lies on it
//! reads the same before, meanwhile and after, so whoever is killed harms nothing.

use std::collections::BTreeSet;

use hostler_libvirt_rpc::flags::domain_xml::SECURE;
use hostler_libvirt_rpc::flags::snapshot_delete as how;
use hostler_provider::{Cx, Error, Kind, Result, SnapshotRef, VmRef};

use super::Job;
use super::job::Doing;
use crate::connection::Link;
use crate::inventory::present;
use crate::storage::chains::{Chains, parts, stem};
use crate::xml::domain::files::{
    DiskFile, DiskFiles, Replaced, is_held, merged_away, with_files, with_held,
};
use crate::xml::snapshot::{Snapshot, without_parent};

/// Deletes the snapshot; absent is success.
pub(super) async fn remove(link: &Link, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
    let doing = format!("cannot delete the snapshot {snapshot} of {vm}");
    let Some(job) = present(Job::new(link, cx, vm, doing))? else { return Ok(()) };
    let Some(listed) = present(job.list(SECURE).await)? else { return Ok(()) };
    let (all, documents): (Vec<Snapshot>, Vec<String>) = listed.into_iter().unzip();
    let state = release(&job).await?;
    let Some(found) = all.iter().find(|one| one.name == snapshot.external_ref) else {
        return Ok(());
    };
    let definition = job.document(true).await?;
    let now = job.files(&definition)?;
    let then = match &found.definition {
        Some(then) => job.files(then)?,
        None => DiskFiles::default(),
    };
    let removal = Removal {
        job: &job,
        all: &all,
        documents: &documents,
        found,
        state,
        definition,
        now,
        then,
    };
    if found.is_internal() { removal.inside().await } else { removal.outside().await }
}

/// Has a VM off that was off, and was left held by a hypervisor when its daemon died while that
/// merged files. Its guest has not run, or it is somebody's who let it run. A file that was merged
/// and deleted, but is still named, is called by what it lay on.
async fn release(job: &Job<'_>) -> Result<Doing> {
    let held = async || {
        let definition = job.document(true).await?;
        Ok((is_held(&definition).map_err(|bad| job.senseless(bad))?, definition))
    };
    if !held().await?.0 {
        return job.state().await;
    }
    let _one_at_a_time = job.link.defining.lock().await;
    let (still, definition) = held().await?;
    let state = match job.state().await? {
        Doing::Paused if still && !job.has_run().await? => {
            job.cut().await?;
            Doing::Off
        }
        state => state,
    };
    if !still {
        return Ok(state);
    }
    let moved = match state {
        Doing::Off => {
            let written = job.files(&definition)?.written;
            let folders = written.iter().map(|disk| parts(&disk.path).0.to_owned()).collect();
            let chains = job.link.chains(job.cx, &folders).await?;
            merged_away(&definition, |top, below| chains.went(top, below))
        }
        _ => Ok(Vec::new()),
    };
    let moved = moved.map_err(|bad| job.senseless(bad))?;
    let xml = with_files(&definition, &moved, None).and_then(|xml| with_held(&xml, false));
    job.define(&xml.map_err(|bad| job.senseless(bad))?).await?;
    Ok(state)
}

/// Whether libvirt refuses since it did not finish the same before.
fn is_half_done(error: &Error) -> bool {
    !error.is_unknown()
        && error.raw().is_some_and(|raw| raw.contains("not completed snapshot delete"))
}

/// A snapshot on its way out.
struct Removal<'a> {
    job: &'a Job<'a>,
    all: &'a [Snapshot],
    /// The documents of all.
    documents: &'a [String],
    found: &'a Snapshot,
    state: Doing,
    /// The VM's document for its next start.
    definition: String,
    now: DiskFiles,
    then: DiskFiles,
}

impl Removal<'_> {
    async fn delete(&self, flags: u32) -> Result<()> {
        let (job, snapshot) = (self.job, &self.job.snapshot(&self.found.name));
        let deleted = job.link.change(job.cx, &job.doing, |c| async move {
            c.domain_snapshot_delete(snapshot, flags).await
        });
        match deleted.await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Has libvirt take it out of the disks.
    async fn inside(&self) -> Result<()> {
        let is_there = |disk: &DiskFile| {
            self.now.written.iter().any(|d| d.target == disk.target && d.path == disk.path)
        };
        if !self.then.written.iter().all(is_there) {
            let why = "it is inside of files that others have been laid on since; delete the \
                       snapshots that were taken since, then try again";
            return Err(self.job.conflict(why));
        }
        self.delete(0).await
    }

    /// The files that the snapshot is made of, with those that lie on them.
    fn layers(&self) -> Vec<(&DiskFile, &str)> {
        let laid = self.found.external().filter_map(|(target, file)| {
            let base = self.then.written.iter().find(|disk| disk.target == target)?;
            Some((base, file?))
        });
        laid.collect()
    }

    /// The folders and names of all that the VM and its snapshots have had.
    fn places(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let of_snapshots = self.all.iter().filter_map(|one| one.definition.as_deref());
        let of_snapshots = of_snapshots.filter_map(|xml| DiskFiles::read(xml).ok());
        let disks = of_snapshots.flat_map(|files| files.written.into_iter().map(|d| d.path));
        let memory = self.all.iter().filter_map(|one| one.memory_file().map(str::to_owned));
        let own = self.now.written.iter().map(|disk| disk.path.clone());
        let files: Vec<String> = own.chain(disks).chain(memory).collect();
        let folders = files.iter().map(|file| parts(file).0.to_owned()).collect();
        (folders, files.iter().map(|file| stem(parts(file).1).to_owned()).collect())
    }

    async fn outside(&self) -> Result<()> {
        let (job, (folders, stems)) = (self.job, self.places());
        self.settle().await?;
        let chains = job.link.chains(job.cx, &folders).await?;
        // What the VM left behind when it was put back lies on files that are to be merged into.
        job.link.clear_left_over(job.cx, &chains, &stems).await?;
        let chains = job.link.chains(job.cx, &folders).await?;
        if self.can_merge(&chains).await? {
            if self.state == Doing::Off {
                self.write_chains(&chains).await?;
            }
            job.cx.progress(None, "merging what was written since");
            match self.merge().await {
                // Some disks were merged before a daemon died; the others stay as they lie.
                Err(error) if is_half_done(&error) => {
                    let what = "a merge broke off before: what is not merged stays as it lies";
                    job.cx.progress(None, what);
                    self.delete(how::METADATA_ONLY).await?;
                }
                other => other.map_err(|error| self.explain(error))?,
            }
        } else {
            self.delete(how::METADATA_ONLY).await?;
        }
        // It is gone, whatever becomes of the rest.
        let cleared = async {
            release(job).await?;
            let chains = job.link.chains(job.cx, &folders).await?;
            job.link.clear_left_over(job.cx, &chains, &stems).await
        };
        cleared.await.map_err(Error::with_unknown_effect)
    }

    /// Has libvirt know the snapshot as it does: it does so only once nothing else is under way with
    /// the VM. What a call that was given up is about to have made is not left over.
    async fn settle(&self) -> Result<()> {
        let at = self.all.iter().position(|one| one.name == self.found.name);
        let Some(own) = at.and_then(|at| self.documents.get(at)) else { return Ok(()) };
        let is_current = self.job.current().await?.as_deref() == Some(&*self.found.name);
        self.job.tell(own, is_current).await
    }

    /// Has libvirt merge. It does not where the one that it grew from is inside of the disks,
    /// which is no matter to the bytes: what is inside of a file stays, whatever is merged into
    /// the file. So to libvirt it grew from none, then.
    async fn merge(&self) -> Result<()> {
        let named = |name: &String| self.all.iter().position(|one| one.name == *name);
        let parent = self.found.parent.as_ref().and_then(named);
        let inside = parent.filter(|at| self.all.get(*at).is_some_and(Snapshot::is_internal));
        let Some(parent) = inside.and_then(|at| self.documents.get(at)) else {
            return self.delete(0).await;
        };
        let own = named(&self.found.name).and_then(|at| self.documents.get(at));
        let alone = without_parent(own.map(String::as_str).unwrap_or_default());
        let is_current = self.job.current().await?.as_deref() == Some(&*self.found.name);
        self.job.tell(&alone.map_err(|bad| self.job.senseless(bad))?, is_current).await?;
        self.delete(0).await?;
        if is_current {
            self.job.tell(parent, true).await.map_err(Error::with_unknown_effect)?;
        }
        Ok(())
    }

    /// QEMU merges nothing for a VM that is held since its memory was written to a file.
    fn explain(&self, error: Error) -> Error {
        if self.state != Doing::Paused || error.is_unknown() || error.kind() != Kind::Invalid {
            return error;
        }
        let why = "the VM is paused, and its disks cannot be merged; resume it, or stop it";
        self.job.conflict(why).with_raw(error.raw().unwrap_or(error.message()))
    }

    /// Whether merging harms nobody: of each disk the file laid on the snapshot's is the VM's, and
    /// the only one; and nothing else lies on that but the VM's; and nobody else is made of either.
    async fn can_merge(&self, chains: &Chains) -> Result<bool> {
        let layers = self.layers();
        if layers.is_empty() || layers.len() != self.found.external().count() {
            return Ok(false);
        }
        let needed = self.job.link.needed(self.job.cx).await?;
        let own = self.job.domain.uuid;
        Ok(layers.iter().all(|(base, laid)| {
            let top = self.now.written.iter().find(|disk| disk.target == base.target);
            let Some(top) = top else { return false };
            let chain = chains.of_disk(&top.path, &top.format);
            let Some(at) = chain.iter().position(|(path, _)| path == laid) else { return false };
            let lies_on = chain.get(at + 1).is_some_and(|(path, _)| *path == base.path);
            let above = at.checked_sub(1).and_then(|above| chain.get(above));
            let only_above = match above {
                None => chains.on(laid).is_empty(),
                Some((above, _)) => chains.on(laid) == [above.as_str()],
            };
            lies_on
                && chains.on(&base.path) == [*laid]
                && only_above
                && !needed.by_others(&base.path, own)
                && !needed.by_others(laid, own)
                && !self.is_of_another(&base.path)
        }))
    }

    /// Whether another snapshot of the VM is made of the file, too.
    fn is_of_another(&self, file: &str) -> bool {
        let others = self.all.iter().filter(|one| one.name != self.found.name);
        let others = others.filter(|one| !one.is_internal());
        others
            .filter_map(|one| DiskFiles::read(one.definition.as_deref()?).ok())
            .any(|files| files.written.iter().any(|disk| disk.path == file))
    }

    /// Writes down what each disk lies on: libvirt merges for a VM that is off only what its
    /// definition names.
    async fn write_chains(&self, chains: &Chains) -> Result<()> {
        let disks: Vec<Replaced> = self.now.written.iter().map(|d| chains.written(d)).collect();
        let xml = with_files(&self.definition, &disks, None);
        // Should the daemon die meanwhile, the hypervisor goes on holding the VM.
        let xml = xml.and_then(|xml| with_held(&xml, true));
        self.job.define(&xml.map_err(|bad| self.job.senseless(bad))?).await
    }
}
