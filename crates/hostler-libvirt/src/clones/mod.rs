//! Clones: VMs that are off, copied file by file.
//!
//! ```text
//!   ensure: ─► each disk's volume is copied whole, under a name with the clone's id in it
//!           ─► the source's definition, less what one VM alone may have, and our mark
//!   remove: ─► the definition ─► volumes of these names that nobody else uses ─► gone
//! ```
//!
//! libvirt copies within a pool, and what a disk lies on with it: the copy lies on nothing. The
//! definition comes last, so whatever is there of a clone before is known by its name alone,
//! and the same request goes on from there. Of a snapshot the files that it is made of are
//! copied, to which nobody writes, so the VM may run meanwhile.
//!
//! A clone has its own addresses, UUID, variables of its firmware and state of its TPM: libvirt
//! makes these anew, the variables from the firmware's template.

mod document;

use std::collections::BTreeSet;

use async_trait::async_trait;
use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::VolumeFormat;
use hostler_libvirt_rpc::{Domain as Reference, StoragePool, flags};
use hostler_provider::{
    CloneHandle, Clones, Cx, DiskBinding, EnsureClone, EnsureVolume, Error, Kind, Result, VmRef,
    VolumeContent, VolumeRef,
};

use crate::Libvirt;
use crate::connection::{Link, reference};
use crate::inventory::{or_none, present};
use crate::snapshots::{Doing, Job};
use crate::storage::chains::{Chains, parts};
use crate::xml::domain::Place;
use crate::xml::domain::files::{DiskFile, DiskFiles, Replaced};

/// What clones can do here.
const LIMITS: CloneLimits = CloneLimits { live: false, snapshots: true };

#[async_trait]
impl Clones for Libvirt {
    fn limits(&self) -> CloneLimits {
        LIMITS
    }

    async fn ensure_clone(&self, cx: &Cx, request: &EnsureClone<'_>) -> Result<CloneHandle> {
        let link = &self.link;
        let doing = format!("cannot clone {} as \"{}\"", request.source, request.name);
        let job = Job::new(link, cx, request.source, doing)?;
        if let Some(found) = link.find_tagged(cx, request.vm).await? {
            return link.made(cx, request.vm, &found, false).await;
        }
        let source = Source::read(&job, request).await?;
        let making = Making { job: &job, request, source };
        making.check_name().await?;
        match making.make().await {
            Ok(made) => {
                link.made(cx, request.vm, &made, true).await.map_err(Error::with_unknown_effect)
            }
            Err(error) if error.is_unknown() => Err(error),
            Err(error) => match link.clear_clone(&tidy(link), request.vm).await {
                Ok(_) => Err(error),
                Err(_) => Err(error.with_unknown_effect()),
            },
        }
    }

    async fn remove_clone(&self, cx: &Cx, vm: VmId) -> Result<bool> {
        let link = &self.link;
        let doing = "cannot remove the clone";
        let _one_at_a_time = cx.run(doing, async { Ok(link.defining.lock().await) }).await?;
        let found = match link.find_tagged(cx, vm).await {
            // Somebody else's domain with that UUID is not our VM.
            Err(error) if error.kind() == Kind::Conflict => None,
            found => found?,
        };
        if let Some(found) = &found {
            let doing = format!("cannot remove the clone \"{}\"", found.name);
            let active = link.look(cx, &doing, |c| async move { c.domain_is_active(found).await });
            if present(active.await)? == Some(true) {
                let message = format!("{doing}: it is running; stop it first");
                return Err(Error::new(Kind::Conflict, message));
            }
            link.undefine(cx, found, &doing).await?;
        }
        let cleared = link.clear_clone(cx, vm).await;
        match found {
            Some(_) => cleared.map(|_| true).map_err(Error::with_unknown_effect),
            None => cleared,
        }
    }
}

/// Time to tidy up in, whatever is left of the caller's.
fn tidy(link: &Link) -> Cx {
    Cx::within(std::time::Duration::from_secs(20)).with_clock(link.config.clock.clone())
}

/// The part of a VM's id that the names of its volumes end with, as the engine has it.
fn tail(vm: VmId) -> String {
    let id = vm.as_uuid().simple().to_string();
    id.get(20..).unwrap_or(&id).to_owned()
}

/// The name of the volume that a disk of a clone is copied to.
fn volume_name(name: &str, disk: &str, vm: VmId, format: VolumeFormat) -> String {
    format!("{name}-{disk}-clone-{}.{}", tail(vm), format.as_str())
}

/// Whether a volume of that name was made for the clone: by copying, or to mark a copy that is
/// not whole.
fn is_made_for(vm: VmId, volume: &str) -> bool {
    let begin = format!("-clone-{}.", tail(vm));
    let rest = volume.split_once(&begin).map(|(_, rest)| rest);
    let marker = crate::storage::MARKER;
    rest.is_some_and(|rest| {
        let format = rest.strip_suffix(marker).unwrap_or(rest);
        matches!(format, "raw" | "qcow2")
    })
}

/// What is cloned.
struct Source {
    /// Its definition.
    definition: String,
    files: DiskFiles,
}

impl Source {
    async fn read(job: &Job<'_>, request: &EnsureClone<'_>) -> Result<Self> {
        let Some(wanted) = request.snapshot else {
            if job.state().await? != Doing::Off {
                return Err(job.conflict("it runs; stop it, or clone a snapshot"));
            }
            let definition = job.document(true).await?;
            let files = job.files(&definition)?;
            return Ok(Self { definition, files });
        };
        let all = job.list(flags::domain_xml::SECURE).await?;
        let found = all.into_iter().find(|(one, _)| one.name == wanted.external_ref);
        let Some((snapshot, _)) = found else {
            let why = format!("the snapshot {wanted} is not there");
            return Err(job.refuse(Kind::NotFound, why));
        };
        if snapshot.is_internal() {
            let why = format!(
                "the snapshot {wanted} is inside of the VM's disks; put the VM back to it and \
                 clone the VM"
            );
            return Err(job.refuse(Kind::Unsupported, why));
        }
        let Some(definition) = snapshot.definition.clone() else {
            let why = format!("the snapshot {wanted} holds no definition of the VM");
            return Err(job.conflict(why));
        };
        let files = job.files(&definition)?;
        let held = |disk: &&DiskFile| snapshot.external().all(|(target, _)| target != disk.target);
        if let Some(left_out) = files.written.iter().find(held) {
            let why = format!("the disk {} is not in the snapshot {wanted}", left_out.name);
            return Err(job.conflict(why));
        }
        Ok(Self { definition, files })
    }
}

/// A clone in the making.
struct Making<'a> {
    job: &'a Job<'a>,
    request: &'a EnsureClone<'a>,
    source: Source,
}

impl Making<'_> {
    async fn check_name(&self) -> Result<()> {
        let (job, name) = (self.job, self.request.name);
        let same = job
            .link
            .look(job.cx, &job.doing, |c| async move { c.domain_lookup_by_name(name).await });
        match present(same.await)? {
            Some(_) => Err(job.conflict("the host has another VM of that name")),
            None => Ok(()),
        }
    }

    async fn make(&self) -> Result<Reference> {
        let (job, files) = (self.job, &self.source.files);
        if let Some((target, what)) = files.others.first() {
            let why = format!("its disk {target} {what}, and libvirt copies files only");
            return Err(job.refuse(Kind::Unsupported, why));
        }
        if let Some(why) = document::shares(&self.source.definition) {
            return Err(job.refuse(Kind::Unsupported, why));
        }
        let seed = self.seed().await?;
        let folders = files.written.iter().map(|disk| parts(&disk.path).0.to_owned()).collect();
        let chains = job.link.chains(job.cx, &folders).await?;
        let mut disks = Vec::new();
        for disk in &files.written {
            disks.push(self.copy(disk, &chains).await?);
        }
        disks.extend(seed);
        let of = document::Clone { vm: self.request.vm, name: self.request.name, disks: &disks };
        let xml = document::cloned(&self.source.definition, &of);
        let xml = &xml.map_err(|bad| job.senseless(bad))?;
        // Defining replaces a domain of that UUID without a word.
        let lock = async { Ok(job.link.defining.lock().await) };
        let _one_at_a_time = job.cx.run(&job.doing, lock).await?;
        if let Some(found) = job.link.find_tagged(job.cx, self.request.vm).await? {
            return Ok(found);
        }
        self.check_name().await?;
        let defined = job
            .link
            .change(job.cx, &job.doing, |c| async move { c.domain_define_xml(xml, 0).await });
        defined.await
    }

    /// The seed that the clone is given, in place of its source's.
    async fn seed(&self) -> Result<Option<Replaced>> {
        let Some(seed) = self.request.seed else { return Ok(None) };
        let read = &self.source.files.read;
        // VMs that were made before their marks named disks have the seed's name to go by.
        let by_name = |disk: &&DiskFile| {
            let name = parts(&disk.path).1;
            name.contains("-seed-")
                && std::path::Path::new(name).extension().is_some_and(|e| e == "iso")
        };
        let found =
            read.iter().find(|disk| disk.name == SEED_DISK).or_else(|| read.iter().find(by_name));
        let Some(found) = found else {
            return Err(self.job.conflict("which of its disks is its seed is not known"));
        };
        let placed = self.job.link.place(self.job.cx, seed, VolumeFormat::Raw).await?;
        let Place::File(path) = placed.place else {
            return Err(self.job.refuse(Kind::Unsupported, "the seed is no file"));
        };
        let (target, format) = (found.target.clone(), "raw".to_owned());
        Ok(Some(Replaced { target, path, format, chain: Some(Vec::new()) }))
    }

    /// Copies a disk with all that it lies on.
    async fn copy(&self, disk: &DiskFile, chains: &Chains) -> Result<Replaced> {
        let (job, link, cx) = (self.job, self.job.link, self.job.cx);
        let Some(filed) = chains.get(&disk.path) else {
            let why = format!("its file {} is in no pool that is active", disk.path);
            return Err(job.conflict(why));
        };
        let format = link.judge_chain(cx, chains, disk, &job.doing).await?;
        let host_ref = link.host(cx).await?.reference.clone();
        let pool = filed.volume.pool.clone();
        let name = volume_name(self.request.name, &disk.name, self.request.vm, format);
        let volume = VolumeRef { host_ref, pool, name };
        let from = VolumeRef { name: filed.volume.name.clone(), ..volume.clone() };
        let request = EnsureVolume {
            volume: &volume,
            capacity_bytes: filed.read.capacity_bytes,
            format,
            content: VolumeContent::CopyOf(&from),
        };
        link.ensure_copy(cx, &request).await?;
        let placed = link.place(cx, &volume, format).await?;
        let Place::File(path) = placed.place else {
            return Err(job.refuse(Kind::Unsupported, "its copy is no file"));
        };
        let (target, format) = (disk.target.clone(), format.as_str().to_owned());
        Ok(Replaced { target, path, format, chain: Some(Vec::new()) })
    }
}

impl Link {
    /// The clone, and the volumes that were made for it, as its definition says.
    async fn made(
        &self,
        cx: &Cx,
        vm: VmId,
        domain: &Reference,
        created: bool,
    ) -> Result<CloneHandle> {
        let vm_ref: VmRef = reference(domain);
        let job = Job::new(self, cx, &vm_ref, format!("cannot look at the clone {vm_ref}"))?;
        let files = job.files(&job.document(true).await?)?;
        let folders: BTreeSet<&str> = files.written.iter().map(|d| parts(&d.path).0).collect();
        let host_ref = self.host(cx).await?.reference.clone();
        let mut disks = Vec::new();
        for folder in folders {
            let Some(pool) = self.pool_at(cx, folder).await? else { continue };
            for disk in files.written.iter().filter(|disk| parts(&disk.path).0 == folder) {
                // What lies on it belongs to a snapshot of the clone.
                let name = crate::storage::chains::stem(parts(&disk.path).1).to_owned();
                if is_made_for(vm, &name) {
                    let (host_ref, pool) = (host_ref.clone(), pool.name.clone());
                    let volume = VolumeRef { host_ref, pool, name };
                    disks.push(DiskBinding { disk: disk.name.clone(), volume, owned: true });
                }
            }
        }
        disks
            .sort_by_key(|binding| files.written.iter().position(|disk| disk.name == binding.disk));
        Ok(CloneHandle { vm: vm_ref, created, disks })
    }

    /// Deletes what was copied for a clone that is not there (any more), as far as nobody else
    /// uses it. Whether there was anything.
    async fn clear_clone(&self, cx: &Cx, vm: VmId) -> Result<bool> {
        let (doing, active) = ("cannot look for the clone's volumes", flags::list_pools::ACTIVE);
        let pools =
            self.look(cx, doing, |c| async move { c.list_all_storage_pools(active).await }).await;
        let mut any = false;
        for pool in or_none(pools)? {
            any |= present(self.clear_clone_in(cx, &pool, vm).await)?.unwrap_or_default();
        }
        Ok(any)
    }

    async fn clear_clone_in(&self, cx: &Cx, pool: &StoragePool, vm: VmId) -> Result<bool> {
        let doing = format!("cannot list the volumes of \"{}\"", pool.name);
        let all =
            self.look(cx, &doing, |c| async move { c.storage_pool_volumes(pool, 0).await }).await?;
        let mut own: Vec<_> = all.into_iter().filter(|v| is_made_for(vm, &v.name)).collect();
        // What marks a copy goes after the copy.
        own.sort_by_key(|volume| volume.name.ends_with(crate::storage::MARKER));
        let mut any = false;
        for volume in &own {
            self.clear_overlays(cx, pool, volume).await?;
            match self.refuse_in_use(cx, pool, volume).await {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Conflict => {
                    tracing::info!(volume = %volume.name, %error, "a clone's volume is kept");
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.delete_volume(cx, volume).await?;
            any = true;
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e8_a_clones_volumes_are_known_by_its_id_and_no_others_are() {
        let vm: VmId = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
        let name = volume_name("web-2", "root", vm, VolumeFormat::Qcow2);
        assert_eq!(name, "web-2-root-clone-5f6a7b8c9d0e.qcow2");
        assert!(is_made_for(vm, &name));
        assert!(is_made_for(vm, &format!("{name}{}", crate::storage::MARKER)));
        for other in [
            "web-2-seed-5f6a7b8c9d0e.iso",
            "web-2-root-5f6a7b8c9d0e.qcow2",
            "web-2-root-clone-5f6a7b8c9d0f.qcow2",
            "web-2-root-clone-5f6a7b8c9d0e.iso",
            "web-2-root-clone-5f6a7b8c9d0e.qcow2.bak",
        ] {
            assert!(!is_made_for(vm, other), "{other}");
        }
    }
}
