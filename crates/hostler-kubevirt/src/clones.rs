//! Clones of VMs by objects of `clone.kubevirt.io`, in the version that the cluster prefers among
//! those known here.
//!
//! ```text
//!   ensure: ─► VirtualMachineClone, our label ─► snapshot ─► restore ─► Succeeded ─► finished ─► done
//!                     │  stays pending: taken back, told why    └─► Failed: likewise
//!   remove: ─► restore, its claims ─► clone object ─► VM ─► claims that bear our label ─► gone
//! ```
//!
//! * **Our mark** is on the VM from its first moment, by `patches` of the clone (KubeVirt 1.6 on).
//!   Where the cluster does not know these, the clone object bears it, and the VM is marked when
//!   it is finished: until then it is seen as nobody's.
//! * **What the clone's volumes are** is told by the cluster: claims say which restore made them
//!   (`restore.kubevirt.io/name`), and the VM says which restore made it
//!   (`restore.kubevirt.io/lastRestoreUID`). Only claims of that very restore are the clone's own;
//!   whatever else it refers to is somebody's.
//! * **The clone object stays while a claim waits** to be bound, as where storage waits for its
//!   first user: the snapshot that the claim is filled from goes with it. KubeVirt deletes it with
//!   the VM; where all is bound it is deleted here.
//! * **Addresses, UUID and serial number** are made anew by KubeVirt. The seed of cloud-init is a
//!   secret, which it does not copy: the VM is given its own before it is ever started.

mod job;
mod removal;

use async_trait::async_trait;
use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;
use hostler_provider::{CloneHandle, Clones, Cx, EnsureClone, Error, Result};
use serde_json::Value;

use crate::disks::asked_name;
use crate::mapper::snapshots::STRATEGY_ANNOTATION;
use crate::provider::KubeVirt;
use job::Job;
use removal::Removal;

/// What KubeVirt's clones can do: of VMs that run by a snapshot of them as they run.
const LIMITS: CloneLimits = CloneLimits { live: true, snapshots: true };

/// Marks what makes a clone, with the id of the VM to be; and its claims when they are to go.
pub(crate) const CLONE_LABEL: &str = "hostler.io/clone";
/// On a claim: the restore that made it.
const RESTORE_ANNOTATION: &str = "restore.kubevirt.io/name";
/// On a VM: the restore that made it as it is, with its UID.
const LAST_RESTORE_ANNOTATION: &str = "restore.kubevirt.io/lastRestoreUID";

#[async_trait]
impl Clones for KubeVirt {
    fn limits(&self) -> CloneLimits {
        LIMITS
    }

    async fn ensure_clone(&self, cx: &Cx, request: &EnsureClone<'_>) -> Result<CloneHandle> {
        let job = Job::begin(self, cx, request).await?;
        let (marked, begun) = (job.marked().await?, job.begun().await?);
        let (object, created) = match (marked, begun) {
            (Some(vm), None) => {
                return job.finish(vm, None, false).await.map_err(Error::with_unknown_effect);
            }
            (_, Some(object)) => (object, false),
            (None, None) => job.ask().await?,
        };
        let vm = job.until_made(&object).await?;
        let strategy = note(&object, "annotations", STRATEGY_ANNOTATION);
        // It is there, whatever becomes of the rest.
        job.finish(vm, strategy, created).await.map_err(Error::with_unknown_effect)
    }

    async fn remove_clone(&self, cx: &Cx, vm: VmId) -> Result<bool> {
        Removal::begin(self, cx, vm).await?.run().await
    }
}

/// A text of an object.
fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A label or annotation of an object.
fn note<'a>(object: &'a Value, notes: &str, key: &str) -> Option<&'a str> {
    object.pointer("/metadata")?.get(notes)?.get(key)?.as_str()
}

/// The restore by which a clone object works; by its name, which follows from its UID, where it does
/// not tell one yet, or not any more.
fn restore_of(clone: &Value) -> Option<String> {
    let told = text(clone, "/status/restoreName").map(str::to_owned);
    told.or_else(|| Some(format!("tmp-restore-{}", text(clone, "/metadata/uid")?)))
}

/// Whether this restore made the VM as it is.
fn is_made_by(vm: &Value, restore: &str) -> bool {
    let made_by = note(vm, "annotations", LAST_RESTORE_ANNOTATION);
    let uid = made_by.and_then(|made_by| made_by.strip_prefix(restore)?.strip_prefix('-'));
    uid.is_some_and(|uid| !uid.is_empty())
}

/// Whether the restore that made a VM made this claim, too, and so for it.
fn is_its_own(claim: &Value, vm: &Value) -> bool {
    let restore = note(claim, "annotations", RESTORE_ANNOTATION);
    restore.is_some_and(|restore| !restore.is_empty() && is_made_by(vm, restore))
}

/// The volumes of a VM that are claims: the name that the disk was asked for under, and the claim's.
fn claims(vm: &Value) -> Vec<(String, String)> {
    let volumes = vm.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
    let claim = |volume: &Value| {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        let claim = claim.or_else(|| text(volume, "/dataVolume/name"))?;
        Some((asked_name(volume)?.to_owned(), claim.to_owned()))
    };
    volumes.into_iter().flatten().filter_map(claim).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn e8_only_claims_of_the_restore_that_made_a_vm_are_its_own() {
        let vm = json!({ "metadata": { "annotations": {
            LAST_RESTORE_ANNOTATION: "tmp-restore-1-aaaa",
        } } });
        for (restore, is_own) in [
            ("tmp-restore-1", true),
            ("tmp-restore-2", false),
            ("mp-restore-1", false),
            ("", false),
        ] {
            let claim = json!({ "metadata": { "annotations": { RESTORE_ANNOTATION: restore } } });
            assert_eq!(is_its_own(&claim, &vm), is_own, "{restore}");
        }
        assert!(!is_its_own(&json!({ "metadata": {} }), &vm), "nobody says who made it");
        let claim =
            json!({ "metadata": { "annotations": { RESTORE_ANNOTATION: "tmp-restore-1" } } });
        assert!(!is_its_own(&claim, &json!({ "metadata": {} })));
    }

    #[test]
    fn e8_the_restore_of_a_clone_is_known_before_it_is_told() {
        let uid = json!({ "metadata": { "uid": "7" } });
        assert_eq!(restore_of(&uid).as_deref(), Some("tmp-restore-7"));
        let told = json!({ "metadata": { "uid": "7" }, "status": { "restoreName": "x" } });
        assert_eq!(restore_of(&told).as_deref(), Some("x"));
    }
}
