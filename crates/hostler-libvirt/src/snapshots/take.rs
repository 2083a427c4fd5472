//! Taking a snapshot.
//!
//! ```text
//!   agent there, guest runs ──► with the guest at rest ── refused ──► required: no snapshot
//!        │ no                                               └──────► wanted: without
//!        └──► required: no snapshot; wanted: without
//! ```
//!
//! libvirt lays all files on the disks' at one moment or none. What a call that broke off has
//! left of files bears the snapshot's id, and goes when a snapshot of the VM is deleted.

use std::collections::BTreeSet;

use hostler_core::id::SnapshotId;
use hostler_core::snapshot::{Consistency, Quiesce, SnapshotContent, SnapshotSpec};
use hostler_libvirt_rpc::flags::snapshot_create as how;
use hostler_provider::{Cx, EnsureSnapshot, Error, Kind, Result, SnapshotHandle, SnapshotRef};

use super::job::Doing;
use super::{Job, LIMITS, reference};
use crate::connection::Link;
use crate::storage::chains::{MEMORY, OVERLAY, label, overlay, parts, stem};
use crate::xml::domain::files::{DiskFile, DiskFiles, Replaced, with_files};
use crate::xml::snapshot::{Snapshot, Wanted, build, of_definition};

/// What libvirt says of a file that it was to make and that is there.
const FILE_THERE: &str = "already exists and is not a block device";

/// Takes the snapshot unless it is there.
pub(super) async fn take(
    link: &Link,
    cx: &Cx,
    request: &EnsureSnapshot<'_>,
) -> Result<SnapshotHandle> {
    let spec = request.spec;
    let doing = format!("cannot take the snapshot \"{}\" of {}", spec.name, request.vm);
    let job = Job::new(link, cx, request.vm, doing)?;
    let all = job.list(0).await?;
    if let Some(there) = there(&all, request.id) {
        // Whoever broke off may have left the guest held.
        if there.mark.is_some_and(|(_, c)| c == Consistency::Quiesced) {
            job.thaw().await;
        }
        return Ok(SnapshotHandle { snapshot: reference(there), created: false });
    }
    if all.iter().any(|(one, _)| one.name == spec.name) {
        return Err(job.conflict("the VM has another snapshot of that name"));
    }
    if LIMITS.max_per_vm.is_some_and(|max| all.len() >= max as usize) {
        return Err(job.conflict(format!("the VM has {} snapshots already", all.len())));
    }
    let state = job.state().await?;
    if spec.content == SnapshotContent::DisksAndMemory && state == Doing::Off {
        return Err(job.conflict("the VM is off and has no memory; ask for one of the disks"));
    }
    let xml = job.document(false).await?;
    let taking = Taking { job: &job, id: request.id, spec, state, files: job.files(&xml)? };
    taking.check()?;
    let created = match taking.take().await {
        Ok(()) => true,
        // A call that was given up may have come before this one.
        Err(error) if error.is_unknown() || error.kind() == Kind::Cancelled => return Err(error),
        Err(error) => match job.list(0).await {
            Ok(all) if there(&all, request.id).is_some() => false,
            _ => return Err(error),
        },
    };
    let snapshot = SnapshotRef { external_ref: spec.name.clone(), name: spec.name.clone() };
    Ok(SnapshotHandle { snapshot, created })
}

/// The one that was taken under this id.
fn there(all: &[(Snapshot, String)], id: SnapshotId) -> Option<&Snapshot> {
    all.iter().map(|(one, _)| one).find(|one| one.mark.is_some_and(|mark| mark.0 == id))
}

/// A snapshot in the making.
struct Taking<'a> {
    job: &'a Job<'a>,
    id: SnapshotId,
    spec: &'a SnapshotSpec,
    state: Doing,
    files: DiskFiles,
}

impl Taking<'_> {
    /// Refuses a VM of which only a part could be kept: going back to that would be another VM.
    fn check(&self) -> Result<()> {
        if let Some((target, what)) = self.files.others.first() {
            let why = format!("its disk {target} {what}, and libvirt keeps files only");
            return Err(self.job.refuse(Kind::Unsupported, why));
        }
        Ok(())
    }

    fn with_memory(&self) -> bool {
        self.spec.content == SnapshotContent::DisksAndMemory
    }

    async fn take(&self) -> Result<()> {
        if self.with_memory() {
            return self.create(Consistency::Memory, 0).await;
        }
        if self.state == Doing::Off {
            self.create(Consistency::Offline, how::DISK_ONLY).await?;
            self.write_chains().await;
            return Ok(());
        }
        match self.quiesced().await {
            Ok(()) => Ok(()),
            Err(error) if error.is_unknown() || error.kind() == Kind::Cancelled => Err(error),
            Err(error) if self.spec.quiesce == Quiesce::Required => {
                let why = "its guest could not be brought to rest, and had to be";
                let refused = self.job.conflict(why);
                Err(refused.with_raw(error.raw().unwrap_or(error.message())))
            }
            Err(error) => {
                tracing::debug!(vm = %self.job.domain.name, %error, "not brought to rest");
                self.create(Consistency::Crash, how::DISK_ONLY).await
            }
        }
    }

    /// Takes it with the guest's file systems at rest.
    async fn quiesced(&self) -> Result<()> {
        let known = self.job.link.read(self.job.cx, &self.job.domain).await?;
        if self.state != Doing::Runs || known.domain.agent_connected != Some(true) {
            return Err(self.job.conflict("its guest agent is not connected"));
        }
        if self.files.written.is_empty() {
            return Err(self.job.conflict("it has no disk that anything is written to"));
        }
        let taken = self.create(Consistency::Quiesced, how::DISK_ONLY | how::QUIESCE).await;
        if taken.is_err() {
            self.job.thaw().await;
        }
        taken
    }

    /// Has libvirt take it. Where files of an earlier attempt are in its way, others are used.
    async fn create(&self, consistency: Consistency, flags: u32) -> Result<()> {
        if !self.with_memory() && self.files.written.is_empty() {
            return self.tell(&self.wanted(consistency, None, 0)).await;
        }
        let memory = self.memory_file().await?;
        self.job.cx.progress(None, "taking the snapshot");
        let first = self.wanted(consistency, memory.as_deref(), 0);
        match self.ask(&first, flags).await {
            Err(error)
                if !error.is_unknown()
                    && error.raw().is_some_and(|raw| raw.contains(FILE_THERE)) =>
            {
                let files = |attempt| self.wanted(consistency, memory.as_deref(), attempt).files();
                let folders = first.files().iter().map(|f| parts(f).0.to_owned()).collect();
                let chains = self.job.link.chains(self.job.cx, &folders).await?;
                let attempt = chains.free_attempt(files);
                let wanted = self.wanted(consistency, memory.as_deref(), attempt);
                self.ask(&wanted, flags).await?;
            }
            asked => asked?,
        }
        // For those who look into the pool: deleting and going back look for themselves.
        self.refresh(&first.files()).await;
        Ok(())
    }

    /// What libvirt is asked for, `memory` without what tells its file from others.
    fn wanted(&self, consistency: Consistency, memory: Option<&str>, attempt: usize) -> Wanted<'_> {
        let laid = |disk: &DiskFile| Some(overlay(&disk.path, self.id, attempt));
        let written = self.files.written.iter().map(|d| (d.target.clone(), laid(d)));
        let read = self.files.read.iter().map(|d| (d.target.clone(), None));
        let memory = memory.map(|file| format!("{file}{}{MEMORY}", label(self.id, attempt)));
        Wanted {
            id: self.id,
            name: &self.spec.name,
            description: &self.spec.description,
            consistency,
            memory,
            disks: written.chain(read).collect(),
        }
    }

    async fn ask(&self, wanted: &Wanted<'_>, flags: u32) -> Result<()> {
        let xml = &build(wanted).to_xml();
        let xml = xml.as_ref().map_err(|bad| Error::new(Kind::Invalid, bad.to_string()))?;
        let (domain, flags) = (&self.job.domain, flags | how::ATOMIC);
        let made = self.job.link.change(self.job.cx, &self.job.doing, |c| async move {
            c.domain_snapshot_create(domain, xml, flags).await
        });
        made.await.map(drop)
    }

    /// A VM without disks: its definition is all that can be kept, and libvirt has to be told of
    /// it, since it takes nothing by itself.
    async fn tell(&self, wanted: &Wanted<'_>) -> Result<()> {
        let state = if self.state == Doing::Off { "shutoff" } else { "disk-snapshot" };
        let now = self.job.cx.now().as_millis().div_euclid(1000);
        let (current, domain) = (self.job.current().await?, self.job.document(true).await?);
        let told = of_definition(wanted, state, now, current.as_deref(), &domain);
        self.job.tell(&told.map_err(|bad| self.job.senseless(bad))?, true).await
    }

    /// Where the memory goes: beside the first disk, or into the pool that volumes go to. Without
    /// what tells it from others.
    async fn memory_file(&self) -> Result<Option<String>> {
        if !self.with_memory() {
            return Ok(None);
        }
        let (folder, name) = match self.files.written.first() {
            Some(disk) => {
                let (folder, name) = parts(&disk.path);
                (folder.to_owned(), stem(name).to_owned())
            }
            None => (self.folder().await?, self.job.domain.name.clone()),
        };
        Ok(Some(format!("{folder}/{name}{OVERLAY}")))
    }

    async fn folder(&self) -> Result<String> {
        let (link, cx) = (self.job.link, self.job.cx);
        let host = link.host(cx).await?.reference.clone();
        let pools = link.pools(cx, &host).await?;
        let of_files = pools.into_iter().filter(|pool| pool.active && pool.kind == "dir");
        let default = of_files.max_by_key(|pool| pool.name == "default");
        let pool = default.ok_or_else(|| self.job.conflict("no pool has room for its memory"))?;
        let found = link.pool_named(cx, &pool.name).await?;
        let target = link.target(cx, &found).await?;
        target.ok_or_else(|| self.job.conflict("no pool has room for its memory"))
    }

    async fn refresh(&self, files: &[String]) {
        let (link, cx) = (self.job.link, self.job.cx);
        let folders: BTreeSet<&str> = files.iter().map(|f| parts(f).0).collect();
        for folder in folders {
            let refreshed = async {
                match link.pool_at(cx, folder).await? {
                    Some(pool) => link.refresh_pool(cx, &pool).await,
                    None => Ok(()),
                }
            };
            if let Err(error) = refreshed.await {
                tracing::debug!(%folder, %error, "the pool will show the new files later");
            }
        }
    }

    /// Writes down what each disk lies on, which libvirt leaves out where the VM is off: then
    /// whoever looks at the VM sees all files that it needs, and none is ever guessed.
    async fn write_chains(&self) {
        let job = self.job;
        let written = async {
            let _one_at_a_time = job.link.defining.lock().await;
            let definition = job.document(true).await?;
            let disks = job.files(&definition)?.written;
            let folders = disks.iter().map(|d| parts(&d.path).0.to_owned()).collect();
            let chains = job.link.chains(job.cx, &folders).await?;
            let chained: Vec<Replaced> = disks.iter().map(|d| chains.written(d)).collect();
            let xml = with_files(&definition, &chained, None);
            job.define(&xml.map_err(|bad| job.senseless(bad))?).await
        };
        if !self.files.written.is_empty()
            && let Err(error) = written.await
        {
            tracing::warn!(vm = %job.domain.name, %error, "its disks' chains are not written down");
        }
    }
}
