//! Snapshots of VMs.
//!
//! Hostler takes all of them outside of the disks: the files that the disks are in stay as they
//! are from then on, and others are laid on them, which the VM writes to. Nothing is ever
//! written into what a snapshot is made of, whoever is killed meanwhile.
//! `docs/adr/0033-libvirts-snapshots-are-outside-of-disks.md` says why.
//!
//! ```text
//!   take:   libvirt lays files on the disks', with the guest at rest if it can be   (take)
//!   revert: power is cut ─► new files are laid on the snapshot's ─► the definition of then,
//!           which names them and says for which operation                           (revert)
//!   remove: what lies on its files is merged into them by libvirt, if that is all there is;
//!           else only libvirt's record goes, and what nobody needs any more         (remove)
//! ```
//!
//! Snapshots inside of disks, as others take them, are listed, and libvirt goes back to them
//! and deletes them, as long as the VM's disks are still the files that they are in.

mod job;
mod remove;
mod revert;
mod take;

use async_trait::async_trait;
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, SnapshotContent, SnapshotLimits, SnapshotState,
};
use hostler_core::{Fact, Timestamp};
use hostler_provider::{
    Cx, EnsureSnapshot, Result, Revert, Reverted, SnapshotHandle, SnapshotRef, Snapshots, VmRef,
};

use crate::Libvirt;
use crate::inventory::host::SOURCE;
use crate::xml::domain::files::DiskFiles;
use crate::xml::snapshot::Snapshot;
pub(crate) use job::{Doing, Job};

/// What libvirt's snapshots can do.
const LIMITS: SnapshotLimits = SnapshotLimits {
    live: true,
    memory: true,
    quiesce: true,
    tree: true,
    reverts_live: true,
    // Each is one more file for every read to go through.
    max_per_vm: Some(64),
};

#[async_trait]
impl Snapshots for Libvirt {
    fn limits(&self) -> SnapshotLimits {
        LIMITS
    }

    async fn list_snapshots(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<ObservedSnapshot>> {
        let job = Job::new(&self.link, cx, vm, format!("cannot list the snapshots of {vm}"))?;
        let all: Vec<Snapshot> = job.list(0).await?.into_iter().map(|(read, _)| read).collect();
        let current = job.current().await?;
        Ok(observed(&all, current.as_deref(), cx.now()))
    }

    async fn ensure_snapshot(
        &self,
        cx: &Cx,
        request: &EnsureSnapshot<'_>,
    ) -> Result<SnapshotHandle> {
        take::take(&self.link, cx, request).await
    }

    async fn revert(&self, cx: &Cx, request: &Revert<'_>) -> Result<Reverted> {
        revert::revert(&self.link, cx, request).await
    }

    async fn remove_snapshot(&self, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
        remove::remove(&self.link, cx, vm, snapshot).await
    }
}

/// How a snapshot is named towards the engine.
fn reference(snapshot: &Snapshot) -> SnapshotRef {
    SnapshotRef { external_ref: snapshot.name.clone(), name: snapshot.name.clone() }
}

/// What is told of snapshots, parents first, oldest first.
fn observed(all: &[Snapshot], current: Option<&str>, now: Timestamp) -> Vec<ObservedSnapshot> {
    let mut told: Vec<(i64, ObservedSnapshot)> = Vec::new();
    for one in all {
        let parent = one.parent.as_ref().and_then(|parent| {
            told.iter().find(|(_, told)| told.external_ref == *parent).map(|(age, _)| *age)
        });
        // A clock that was set back must not put a child before its parent.
        let age = one.created_s.unwrap_or_default().max(parent.unwrap_or(i64::MIN));
        told.push((age, observe(one, current, now)));
    }
    told.sort_by_key(|(age, _)| *age);
    told.into_iter().map(|(_, told)| told).collect()
}

fn observe(one: &Snapshot, current: Option<&str>, now: Timestamp) -> ObservedSnapshot {
    let seen_at = one.created_s.and_then(|s| s.checked_mul(1000)).map(Timestamp::from_millis);
    let content = match one.has_memory() {
        true => SnapshotContent::DisksAndMemory,
        false => SnapshotContent::Disks,
    };
    let files = one.definition.as_deref().and_then(|xml| DiskFiles::read(xml).ok());
    let (held, left_out) = disks(one, files.as_ref());
    ObservedSnapshot {
        external_ref: one.name.clone(),
        name: one.name.clone(),
        tag: one.mark.map(|(id, _)| id),
        // libvirt tells of none before it is whole.
        state: SnapshotState::Ready,
        message: one.is_internal().then(|| "it is inside of its VM's disks".to_owned()),
        description: one.description.clone(),
        parent: Fact::seen(one.parent.clone(), SOURCE, now),
        is_current: Fact::seen(current == Some(&*one.name), SOURCE, now),
        content: Fact::seen(content, SOURCE, now),
        consistency: match consistency(one) {
            Some(consistency) => Fact::seen(consistency, SOURCE, now),
            None => {
                Fact::unavailable(SOURCE, "libvirt does not keep whether the guest was at rest")
            }
        },
        taken_at: match seen_at {
            Some(at) => Fact::seen(at, SOURCE, now),
            None => Fact::unavailable(SOURCE, "libvirt does not tell it of this snapshot"),
        },
        disks: Fact::seen(held, SOURCE, now),
        disks_left_out: match files {
            Some(_) => Fact::seen(left_out, SOURCE, now),
            None => Fact::unavailable(SOURCE, "the snapshot holds no definition of its VM"),
        },
        observed_at: now,
    }
}

/// How consistent it is: by its state, and by our mark where that does not say it.
fn consistency(one: &Snapshot) -> Option<Consistency> {
    let marked = one.mark.map(|(_, consistency)| consistency);
    match one.state.as_str() {
        _ if one.has_memory() => Some(Consistency::Memory),
        "shutoff" | "shutdown" => Some(Consistency::Offline),
        // It had been off when that was looked at.
        _ if marked == Some(Consistency::Offline) => Some(Consistency::Crash),
        _ => marked,
    }
}

/// The names of the disks that are in it, and of those that are not and could have changed.
fn disks(one: &Snapshot, files: Option<&DiskFiles>) -> (Vec<String>, Vec<String>) {
    use crate::xml::snapshot::Held;
    let written = files.map(|f| f.written.as_slice()).unwrap_or_default();
    let name = |target: &str| {
        let found = written.iter().find(|d| d.target == target);
        found.map_or_else(|| target.to_owned(), |d| d.name.clone())
    };
    let is_held = |target: &str| one.disks.iter().any(|(t, h)| t == target && *h != Held::No);
    let held = one.disks.iter().filter(|(_, h)| *h != Held::No).map(|(t, _)| name(t)).collect();
    let others = files.into_iter().flat_map(|f| f.others.iter().map(|(target, _)| target.as_str()));
    let left = written.iter().map(|d| d.target.as_str()).chain(others);
    let left = left.filter(|target| !is_held(target)).map(name).collect();
    (held, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, parent: Option<&str>, at: i64, more: &str) -> Snapshot {
        let parent =
            parent.map(|p| format!("<parent><name>{p}</name></parent>")).unwrap_or_default();
        Snapshot::read(&format!(
            "<domainsnapshot><name>{name}</name>{parent}<creationTime>{at}</creationTime>{more}\
             </domainsnapshot>"
        ))
        .unwrap()
    }

    #[test]
    fn c14_a_parent_stands_before_its_children_whatever_clocks_say() {
        let all = [
            snapshot("b", None, 50, ""),
            snapshot("c", Some("b"), 10, ""),
            snapshot("a", None, 20, ""),
        ];
        let told = observed(&all, Some("c"), Timestamp::from_millis(0));
        let names: Vec<_> = told.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(told[2].is_current.value(), Some(&true));
        assert_eq!(told[2].parent.value(), Some(&Some("b".to_owned())));
    }

    #[test]
    fn c14_what_others_took_is_told_no_better_than_it_is_known() {
        let live = snapshot("a", None, 1, "<state>disk-snapshot</state><memory snapshot='no'/>");
        let told = observe(&live, None, Timestamp::from_millis(0));
        assert_eq!((told.consistency.value(), told.tag), (None, None));
        assert_eq!(told.disks_left_out.value(), None);
        let off = snapshot("a", None, 1, "<state>shutoff</state><memory snapshot='no'/>");
        assert_eq!(consistency(&off), Some(Consistency::Offline));
        let with_memory =
            snapshot("a", None, 1, "<state>paused</state><memory snapshot='internal'/>");
        assert_eq!(consistency(&with_memory), Some(Consistency::Memory));
    }

    #[test]
    fn c14_disks_that_are_not_in_it_are_told() {
        let xml = "<disks><disk name='vda' snapshot='external'/><disk name='vdb' snapshot='no'/>\
            </disks><domain><name>n</name><devices>\
            <disk type='file'><source file='/p/a'/><target dev='vda'/></disk>\
            <disk type='file'><source file='/p/b'/><target dev='vdb'/></disk>\
            <disk type='block'><source dev='/dev/c'/><target dev='vdc'/></disk></devices></domain>";
        let told = observe(&snapshot("a", None, 1, xml), None, Timestamp::from_millis(0));
        assert_eq!(told.disks.value().unwrap(), &["vda"]);
        assert_eq!(told.disks_left_out.value().unwrap(), &["vdb", "vdc"]);
    }
}
