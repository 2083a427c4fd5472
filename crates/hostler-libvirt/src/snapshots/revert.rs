//! Going back to a snapshot.
//!
//! libvirt goes back to snapshots that are inside of disks; before 9.9 to no others. So for
//! those outside this is done here, with any version alike:
//!
//! ```text
//!   power cut ─► new files laid on the snapshot's ─► definition of then, which names them
//!     ─► (memory: it goes on from its file) ─► libvirt is told what the snapshot's files are
//! ```
//!
//! The definition bears the operation's id, so it is the moment at which it happened: an answer
//! that got lost is given again, and nothing is done twice. For a snapshot that libvirt goes
//! back to, the definitions in the snapshot are given the id first, since it puts one of them in
//! the VM's place. What the VM wrote to before stays where it is.

use std::collections::BTreeSet;

use hostler_core::id::OperationId;
use hostler_provider::{Cx, Error, Kind, Result, Revert, Reverted};

use super::Job;
use super::job::Doing;
use crate::connection::Link;
use crate::storage::chains::{Chains, overlay, parts};
use crate::xml::domain::files::{DiskFile, DiskFiles, PutBack, Replaced, put_back, with_files};
use crate::xml::snapshot::{Snapshot, changed};
use crate::xml::volume;

/// All disks are of the volumes that they were of: what is laid on one is that volume's.
const IN_PLACE: Reverted = Reverted { moved: Vec::new() };

/// Puts the VM back.
pub(super) async fn revert(link: &Link, cx: &Cx, request: &Revert<'_>) -> Result<Reverted> {
    let doing = format!("cannot put {} back to the snapshot {}", request.vm, request.snapshot);
    let job = Job::new(link, cx, request.vm, doing)?;
    let secure = hostler_libvirt_rpc::flags::domain_xml::SECURE;
    let all = job.list(secure).await?;
    let definition = job.document(true).await?;
    let done = put_back(&definition).map_err(|bad| job.senseless(bad))?;
    let done = done.filter(|done| done.operation == request.operation.to_string());
    let found = all.iter().find(|(one, _)| one.name == request.snapshot.external_ref);
    let Some((snapshot, xml)) = found else {
        return match done {
            Some(done) if done.is_whole => Ok(IN_PLACE),
            _ => Err(job.refuse(Kind::NotFound, "the snapshot is not there")),
        };
    };
    let Some(then) = &snapshot.definition else {
        return Err(job.conflict("the snapshot holds no definition of the VM"));
    };
    let (now, then) = (job.files(&definition)?, job.files(then)?);
    let back = Back { job: &job, operation: request.operation, snapshot, xml, now, then };
    match done {
        Some(done) if done.is_whole || back.went_on().await? => {
            back.finish(&done, true).await.map_err(Error::with_unknown_effect)?;
            Ok(IN_PLACE)
        }
        _ if snapshot.is_internal() => back.inside().await,
        done => back.outside(&all, done.is_some()).await,
    }
}

/// A VM on its way back.
struct Back<'a> {
    job: &'a Job<'a>,
    operation: OperationId,
    snapshot: &'a Snapshot,
    /// The snapshot's document.
    xml: &'a str,
    /// The VM's disks now.
    now: DiskFiles,
    /// The VM's disks then.
    then: DiskFiles,
}

impl Back<'_> {
    /// Whether the VM goes on from memory whose disks were put back before.
    async fn went_on(&self) -> Result<bool> {
        Ok(self.job.state().await? != Doing::Off)
    }

    /// Refuses a VM that would be gone with its power, and to put back by defining what was never
    /// defined.
    async fn check_defined(&self) -> Result<()> {
        match self.job.is_defined().await? {
            true => Ok(()),
            false => Err(self.job.conflict("it only runs, and is not defined; define it first")),
        }
    }

    /// Refuses where the VM has other disks than then: which of them is whose now is not known.
    fn check_disks(&self) -> Result<()> {
        let targets = |files: &DiskFiles| -> BTreeSet<String> {
            files.written.iter().map(|disk| disk.target.clone()).collect()
        };
        let (now, then) = (targets(&self.now), targets(&self.then));
        if let Some(added) = now.difference(&then).next() {
            let why = format!("its disk {added} was added since; take it off first");
            return Err(self.job.conflict(why));
        }
        if let Some(gone) = then.difference(&now).next() {
            let why = format!("its disk {gone} of then was taken off since; put it on again first");
            return Err(self.job.conflict(why));
        }
        Ok(())
    }

    async fn cut_power(&self) -> Result<()> {
        match self.job.state().await? {
            Doing::Off => Ok(()),
            Doing::Runs | Doing::Paused => self.job.cut().await,
        }
    }

    fn mark(&self, is_whole: bool, moved: &[(DiskFile, Replaced)]) -> PutBack {
        let name =
            |(disk, new): &(DiskFile, Replaced)| (disk.name.clone(), parts(&new.path).1.to_owned());
        PutBack {
            operation: self.operation.to_string(),
            is_whole,
            moved: moved.iter().map(name).collect(),
        }
    }

    /// Has libvirt go back to a snapshot that is inside of the disks.
    async fn inside(&self) -> Result<Reverted> {
        self.check_disks()?;
        self.check_defined().await?;
        for disk in &self.then.written {
            let same =
                self.now.written.iter().any(|d| d.target == disk.target && d.path == disk.path);
            if !same {
                let why = "it is inside of files that others have been laid on since; delete the \
                           snapshots that were taken since, then try again";
                return Err(self.job.conflict(why));
            }
        }
        self.job.state().await?;
        let job = self.job;
        let mark = self.mark(true, &[]);
        let told = changed(self.xml, &[], |domain| with_files(domain, &[], Some(&mark)));
        let is_current = job.current().await?.as_deref() == Some(&*self.snapshot.name);
        job.tell(&told.map_err(|bad| job.senseless(bad))?, is_current).await?;
        self.cut_power().await?;
        let snapshot = &job.snapshot(&self.snapshot.name);
        let reverted = job.link.change(job.cx, &job.doing, |c| async move {
            c.domain_snapshot_revert(snapshot, 0).await
        });
        // Its power may be cut by now, and some of its disks put back.
        reverted.await.map_err(Error::with_unknown_effect)?;
        Ok(IN_PLACE)
    }

    /// Lays new files on those of the snapshot, and has the VM be what it was then with these.
    async fn outside(&self, all: &[(Snapshot, String)], begun: bool) -> Result<Reverted> {
        self.check_disks()?;
        self.check_defined().await?;
        let job = self.job;
        let bases: Vec<&DiskFile> = self.kept().collect();
        let folders: BTreeSet<String> = bases.iter().map(|d| parts(&d.path).0.to_owned()).collect();
        let chains = job.link.chains(job.cx, &folders).await?;
        for base in &bases {
            self.check_base(base, &chains, all)?;
        }
        job.state().await?;
        self.cut_power().await?;
        let ended = self.lay_and_define(&bases, &chains, begun).await;
        // Its power may be cut by now.
        ended.map_err(Error::with_unknown_effect)
    }

    /// `begun`: the VM is defined with files of an earlier attempt, and may have written to them.
    async fn lay_and_define(
        &self,
        bases: &[&DiskFile],
        chains: &Chains,
        begun: bool,
    ) -> Result<Reverted> {
        let job = self.job;
        let mut moved = Vec::new();
        let files = |attempt| {
            let laid = bases.iter().map(|base| overlay(&base.path, self.operation, attempt));
            laid.collect::<Vec<String>>()
        };
        // Files of an earlier attempt that the VM was not defined with are as they were laid: with
        // the same files a definition that comes late is the same, too.
        let is_fresh = |attempt: &usize| {
            files(*attempt).iter().zip(bases).all(|(file, base)| match chains.get(file) {
                None => true,
                Some(there) => !begun && there.lies_on(&base.path, &base.format),
            })
        };
        let attempt = (0..).find(is_fresh).unwrap_or(usize::MAX);
        for base in bases {
            moved.push(((*base).clone(), self.lay(base, chains, attempt).await?));
        }
        let mut disks: Vec<Replaced> = moved.iter().map(|(_, new)| new.clone()).collect();
        // What the snapshot does not hold stays as it is.
        let others = self.now.written.iter();
        let others = others.filter(|disk| bases.iter().all(|base| base.target != disk.target));
        disks.extend(others.map(|disk| chains.written(disk)));
        let memory = self.snapshot.memory_file();
        let then = self.snapshot.definition.as_deref().unwrap_or_default();
        let mark = self.mark(memory.is_none(), &moved);
        let xml = with_files(then, &disks, Some(&mark)).map_err(|bad| job.senseless(bad))?;
        {
            let _one_at_a_time = job.link.defining.lock().await;
            job.define(&xml).await?;
        }
        let mark = self.mark(true, &moved);
        if let Some(memory) = memory {
            let ran = self.snapshot.running.as_deref().unwrap_or(then);
            let live = with_files(ran, &disks, Some(&mark)).map_err(|bad| job.senseless(bad))?;
            let restored = job.link.change(job.cx, &job.doing, |c| async move {
                c.domain_restore(memory, Some(&live), 0).await
            });
            restored.await?;
        }
        self.finish(&mark, false).await?;
        Ok(IN_PLACE)
    }

    /// The disks of then that the snapshot holds.
    fn kept(&self) -> impl Iterator<Item = &DiskFile> {
        let held: BTreeSet<&str> = self.snapshot.external().map(|(target, _)| target).collect();
        self.then.written.iter().filter(move |disk| held.contains(&*disk.target))
    }

    /// Refuses where the snapshot's file is gone, or has no pool that another one could be made
    /// in beside it.
    fn check_base(
        &self,
        base: &DiskFile,
        chains: &Chains,
        all: &[(Snapshot, String)],
    ) -> Result<()> {
        if chains.get(&base.path).is_none() {
            let why = format!("its file {} is not there, or in no pool that is active", base.path);
            return Err(self.job.conflict(why));
        }
        // A file that somebody else's snapshot did not lay anything on may have been written to.
        let laid = |(one, _): &(Snapshot, String)| {
            one.name == self.snapshot.name
                && one.external().any(|(target, file)| target == base.target && file.is_some())
        };
        if !all.iter().any(laid) || self.now.written.iter().any(|d| d.path == base.path) {
            let why = format!("its file {} has been written to since", base.path);
            return Err(self.job.conflict(why));
        }
        Ok(())
    }

    /// Lays a new file on one of the snapshot's.
    async fn lay(&self, base: &DiskFile, chains: &Chains, attempt: usize) -> Result<Replaced> {
        let (link, cx, job) = (self.job.link, self.job.cx, self.job);
        let path = overlay(&base.path, self.operation, attempt);
        let chain = Some(chains.of_disk(&base.path, &base.format));
        let target = base.target.clone();
        let laid = Replaced { target, path, format: "qcow2".to_owned(), chain };
        if chains.get(&laid.path).is_some() {
            return Ok(laid);
        }
        let missing = || job.conflict(format!("its file {} is not there", base.path));
        let volume = &chains.get(&base.path).ok_or_else(missing)?.volume;
        let pool = &link.pool_named(cx, &volume.pool).await?;
        let document =
            volume::build_overlay(parts(&laid.path).1, &base.path, &base.format).to_xml();
        let document = &document.map_err(|bad| job.senseless(bad))?;
        let made = link.change(cx, &job.doing, |c| async move {
            c.storage_vol_create_xml(pool, document, 0).await
        });
        made.await?;
        Ok(laid)
    }

    /// What is left once the VM is back, and can be done again: the mark says that it all was,
    /// and libvirt knows which snapshot the VM grows from, and which files lie on it. Once the VM
    /// has grown on, that is so no more, and nothing is left to be done.
    async fn finish(&self, mark: &PutBack, again: bool) -> Result<()> {
        let job = self.job;
        if self.snapshot.is_internal() {
            return Ok(());
        }
        let definition = {
            let _one_at_a_time = job.link.defining.lock().await;
            let definition = job.document(true).await?;
            let there = put_back(&definition).map_err(|bad| job.senseless(bad))?;
            if there.as_ref().is_some_and(|there| !there.is_whole) {
                let whole = PutBack { is_whole: true, ..mark.clone() };
                let xml = with_files(&definition, &[], Some(&whole));
                job.define(&xml.map_err(|bad| job.senseless(bad))?).await?;
            }
            definition
        };
        let files = job.files(&definition)?;
        let laid = |base: &DiskFile| {
            let (_, volume) = mark.moved.iter().find(|(disk, _)| *disk == base.name)?;
            let top = files.written.iter().find(|d| d.target == base.target)?;
            (parts(&top.path).1 == volume).then(|| (base.target.clone(), top.path.clone()))
        };
        let laid: Vec<_> = self.kept().filter_map(laid).collect();
        if again && (laid.is_empty() || laid.len() < self.kept().count()) {
            return Ok(());
        }
        let told = changed(self.xml, &laid, |domain| Ok(domain.to_owned()));
        job.tell(&told.map_err(|bad| job.senseless(bad))?, true).await
    }
}
