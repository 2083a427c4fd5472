//! Putting a VM back: what is asked of the cluster, and what comes of it.
//!
//! ```text
//!   asked ─► new claims ─► the VM's specification names them ─► complete: done
//!     │          │
//!     │          └─ does not go on (a quota, no class, the snapshot's own gone): the cluster tries
//!     │             for ever, and the VM cannot be started meanwhile. Nor after a failure can
//!     │             it be put back again, while the restore is there.
//!     └─ failed, or stood still for a while ─► the restore is deleted ─► the VM says which it is:
//!                                              as it was (refused), or put back all the same (done)
//! ```
//!
//! What a restore was for is known by its name, and when it is gone by the mark that the cluster
//! leaves on the VM: `restore.kubevirt.io/lastRestoreUID`, which begins with that name.

use hostler_core::id::OperationId;
use hostler_provider::{Error, MovedDisk, Result, Reverted};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::job::{Job, LOOK_AGAIN};
use crate::call::WriteOptions;
use crate::disks::{asked_name, plain_name};
use crate::ending::Ending;
use crate::error::{Cause, Failure};
use crate::health::Version;
use crate::installation;
use crate::mapper::snapshots::{OPERATION_LABEL, RestoreStands, STRATEGY_ANNOTATION};
use crate::mapper::{MappedRestore, MappedSnapshot, map_restore};
use crate::objects;
use crate::resource::{ObjectKey, Resource};
use crate::versions;

/// Where the cluster notes on a VM, and on claims, which restore made them what they are: its
/// name, a hyphen and its UID.
const LAST_RESTORE: &str = "/metadata/annotations/restore.kubevirt.io~1lastRestoreUID";
/// On a restore: how its VM was run before.
const STRATEGY: &str = "/metadata/annotations/hostler.io~1run-strategy";
const RUN_STRATEGY: &str = "/spec/runStrategy";
/// What KubeVirt makes of it until 1.6.
const HALTED: &str = "Halted";
/// The first version that puts VMs back however they are to be run.
const ANY_STRATEGY: Version = Version { major: 1, minor: 5 };
/// How often it is tried anew because others wrote meanwhile.
const ATTEMPTS: usize = 8;

impl Job<'_> {
    /// What was done for an operation already: `None` where it has to be asked for, and nothing
    /// where it is under way.
    pub(super) async fn begun(&self, operation: OperationId) -> Result<Option<Option<Reverted>>> {
        if self.restore_of(operation).await.map_err(|f| self.noted(f))?.is_some() {
            return Ok(Some(None));
        }
        let machine = self.machine().await?;
        let mark = machine.pointer(LAST_RESTORE).and_then(Value::as_str).unwrap_or_default();
        let name = self.object_name(operation);
        let uid = mark.strip_prefix(&name).and_then(|rest| rest.strip_prefix('-'));
        Ok(uid.map(|uid| Some(moved_by(&machine, uid))))
    }

    /// The VM's object as it is now.
    pub(super) async fn machine(&self) -> Result<Value> {
        let asked = self.caller.get(self.cx, Resource::VMS, &self.vm_key()).await;
        asked.map_err(|failure| self.noted(failure))
    }

    /// Refuses what the cluster would only wait with: until 1.5 it puts back only what is never to
    /// run by itself or when asked. An account that may not see the version is let try.
    pub(super) async fn check_version(&self, machine: &Value) -> Result<()> {
        let Some(strategy) = strategy(machine).filter(|it| *it != HALTED) else { return Ok(()) };
        let told = installation::look(&self.caller, self.cx).await.ok().flatten();
        let version = told.and_then(|it| it.version).and_then(|text| Version::parse(&text));
        let Some(version) = version.filter(|version| *version < ANY_STRATEGY) else {
            return Ok(());
        };
        let what = format!(
            "KubeVirt {version} puts back only VMs whose runStrategy is Halted, and this one's is \
             {strategy}; set it to Halted in the cluster, and back afterwards, or update KubeVirt \
             to {ANY_STRATEGY}"
        );
        Err(self.wrong(&what))
    }

    /// Makes way for a restore: what is left of a VM that shut itself down is in the way of it, and
    /// would be until it fails.
    /// Tells whether there was anything.
    pub(super) async fn clear_instance(&self) -> Result<bool> {
        let Some(uid) = self.seen.instance_uid.as_deref() else { return Ok(false) };
        self.may_write()?;
        let key = self.vm_key();
        let cleared = self.provider.clear(self.cx, &self.caller, &key, uid, &self.doing);
        // It was off before, and is so after, whatever became of that.
        cleared.await.map_err(crate::link::without_effect).map(|()| true)
    }

    /// Asks for the VM to be put back: at once or not at all, where the version knows that, so that
    /// nobody who starts it meanwhile has it put back under their hands; and with claims that
    /// nobody owns, as those are that Hostler makes. Where its instance `was_there` a moment ago
    /// the cluster may not know yet that it is gone, and is to wait for that.
    pub(super) async fn restore(
        &self,
        operation: OperationId,
        snapshot: &MappedSnapshot,
        machine: &Value,
        was_there: bool,
    ) -> Result<()> {
        self.may_write()?;
        let kept = strategy(machine).map_or(json!({}), |it| json!({ STRATEGY_ANNOTATION: it }));
        let mut spec = json!({
            "target": self.this_vm(),
            "virtualMachineSnapshotName": snapshot.name,
        });
        let policies =
            [("targetReadinessPolicy", "FailImmediate"), ("volumeOwnershipPolicy", "None")];
        if let Some(fields) = spec.as_object_mut() {
            let asked = policies.iter().skip(usize::from(was_there));
            fields.extend(asked.map(|(field, word)| ((*field).to_owned(), (*word).into())));
        }
        loop {
            let object = json!({
                "apiVersion": format!("{}/{}", versions::SNAPSHOT.name, self.version),
                "kind": "VirtualMachineRestore",
                "metadata": {
                    "name": self.object_name(operation),
                    "namespace": self.seen.namespace,
                    "labels": { OPERATION_LABEL: operation.to_string() },
                    "annotations": kept,
                },
                "spec": spec,
            });
            let (resource, options) = (Resource::restores(self.version), WriteOptions::default());
            let namespace = Some(&*self.seen.namespace);
            match self.caller.create(self.cx, resource, namespace, &object, options).await {
                Ok(_) => return Ok(()),
                // The same request was made before.
                Err(failure) if failure.cause == Cause::AlreadyExists => return Ok(()),
                Err(failure) => {
                    if !take_unknown_out(&mut spec, &failure, &policies) {
                        return Err(self.noted(failure));
                    }
                }
            }
        }
    }

    async fn restore_of(&self, operation: OperationId) -> Result<Option<Value>, Failure> {
        let key = self.key(&self.object_name(operation));
        match self.caller.get(self.cx, Resource::restores(self.version), &key).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.cause == Cause::ObjectMissing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the VM was put back.
    pub(super) async fn until_restored(&self, operation: OperationId) -> Result<Reverted> {
        let (mut pause, at) = (LOOK_AGAIN.0, self.cx.now());
        let mut waits_since = None;
        let mut told = String::new();
        loop {
            match self.restore_of(operation).await {
                Ok(Some(found)) => {
                    let kept = found.pointer(STRATEGY).and_then(Value::as_str).map(str::to_owned);
                    let seen = objects::read(found).and_then(|found| map_restore(&found, at));
                    let seen = seen.map_err(|e| Error::from(e).with_unknown_effect())?;
                    match seen.stands {
                        RestoreStands::Complete => {
                            let machine = self.machine().await;
                            let machine = machine.map_err(Error::with_unknown_effect)?;
                            return self.done(machine, &seen, kept.as_deref()).await;
                        }
                        RestoreStands::Failed => {
                            return self.take_back(&seen, kept.as_deref()).await;
                        }
                        RestoreStands::Waits => {
                            let since = *waits_since.get_or_insert_with(Instant::now);
                            if since.elapsed() >= self.provider.shared.config.restore_patience {
                                return self.take_back(&seen, kept.as_deref()).await;
                            }
                        }
                        RestoreStands::GoesOn => waits_since = None,
                    }
                    let words = seen.message.as_deref().unwrap_or("the cluster takes its time");
                    if told != words {
                        words.clone_into(&mut told);
                        self.cx.progress(None, words);
                    }
                }
                Ok(None) => {
                    let what = "it was asked for, and what asked for it was deleted";
                    return Err(self.wrong(what).with_unknown_effect());
                }
                Err(failure) => self.passes(failure)?,
            }
            self.pause(&mut pause, &told).await?;
        }
    }

    /// What came of a restore that is done. How the VM is run is as it was `kept` in mind: until 1.6
    /// KubeVirt makes `Halted` of it, which Hostler's own start would make `Always` of.
    async fn done(
        &self,
        mut machine: Value,
        seen: &MappedRestore,
        kept: Option<&str>,
    ) -> Result<Reverted> {
        let told = moved(&machine, seen);
        let kept = kept.filter(|kept| *kept != HALTED);
        let mut attempt = 1;
        while let Some(kept) = kept.filter(|_| strategy(&machine) == Some(HALTED)) {
            self.may_write().map_err(Error::with_unknown_effect)?;
            let patch = json!([
                { "op": "test", "path": "/metadata/uid", "value": self.seen.vm.external_ref },
                { "op": "test", "path": RUN_STRATEGY, "value": HALTED },
                { "op": "replace", "path": RUN_STRATEGY, "value": kept },
            ]);
            match self.caller.patch(self.cx, Resource::VMS, &self.vm_key(), &patch).await {
                Ok(_) => break,
                // Somebody wrote it meanwhile; what they made of it stays.
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    attempt += 1;
                    machine = self.machine().await.map_err(Error::with_unknown_effect)?;
                }
                Err(failure) => return Err(self.noted(failure).with_unknown_effect()),
            }
        }
        Ok(told)
    }

    /// Ends what does not come to an end by itself, and tells by the VM what came of it.
    async fn take_back(&self, seen: &MappedRestore, kept: Option<&str>) -> Result<Reverted> {
        let words = seen.message.clone();
        let words = words.unwrap_or_else(|| "the cluster gives no reason".to_owned());
        let key = &self.key(&seen.name);
        let (cx, link, caller) = (self.cx, &self.provider.shared.link, &*self.caller);
        let (resource, uid) = (Resource::restores(self.version), seen.uid.as_deref());
        let ending = Ending { cx, link, caller, resource, key, uid, doing: &self.doing };
        ending.delete().await.map_err(|error| {
            let what = format!(
                "the cluster does not put it back ({words}), and the VM cannot be started until \
                 its VirtualMachineRestore \"{}\" is deleted: {}",
                seen.name,
                error.message()
            );
            self.error(error.kind(), &what).with_unknown_effect()
        })?;
        let unsure = |failure| self.noted(failure).with_unknown_effect();
        let machine = caller.get(cx, Resource::VMS, &self.vm_key()).await.map_err(unsure)?;
        let mark = machine.pointer(LAST_RESTORE).and_then(Value::as_str);
        if mark == Some(&*format!("{}-{}", seen.name, uid.unwrap_or_default())) {
            return self.done(machine, seen, kept).await;
        }
        let left = self.clear_claims(seen).await;
        let what = match left.as_slice() {
            [] => "the cluster could not put it back, and left it as it is".to_owned(),
            left => format!(
                "the cluster could not put it back, and left it as it is; what it began is \
                 used by nobody and can be deleted: {}",
                left.join(", ")
            ),
        };
        Err(self.wrong(&what).with_raw(words))
    }

    /// Deletes the claims that a restore made and nobody came to use; tells those that stay.
    async fn clear_claims(&self, seen: &MappedRestore) -> Vec<String> {
        let mut left = Vec::new();
        for (_, claim) in &seen.restores {
            let key = self.key(claim);
            let mark = format!("{}-{}", seen.name, seen.uid.as_deref().unwrap_or_default());
            match self.caller.get(self.cx, Resource::CLAIMS, &key).await {
                // Named by it, and not made by it.
                Ok(found) if found.pointer(LAST_RESTORE) != Some(&json!(mark)) => {}
                Ok(found) => {
                    let uid = found.pointer("/metadata/uid").and_then(Value::as_str);
                    let deleted = self.caller.delete(self.cx, Resource::CLAIMS, &key, uid).await;
                    if deleted.is_err() {
                        left.push(claim.clone());
                    }
                }
                Err(failure) if failure.cause == Cause::ObjectMissing => {}
                Err(_) => left.push(claim.clone()),
            }
        }
        left
    }

    fn vm_key(&self) -> ObjectKey {
        self.key(&self.seen.vm.name)
    }
}

/// Leaves out what this version of KubeVirt does not know; whether that was it.
fn take_unknown_out(spec: &mut Value, failure: &Failure, policies: &[(&str, &str)]) -> bool {
    let raw = failure.error.raw().unwrap_or_default();
    if !raw.contains("unknown field") {
        return false;
    }
    let Some(fields) = spec.as_object_mut() else { return false };
    let unknown = policies.iter().filter(|(field, _)| raw.contains(*field));
    unknown.fold(false, |was, (field, _)| fields.remove(*field).is_some() || was)
}

/// Which disks a restore has put into new claims, by the names that they were asked for under,
/// which the VM's volumes tell.
fn moved(machine: &Value, seen: &MappedRestore) -> Reverted {
    let one = |(volume, claim): &(String, String)| {
        let found =
            volumes(machine).find(|it| it.get("name").and_then(Value::as_str) == Some(volume));
        // Only what was plugged in is taken off again.
        let disk = found.and_then(asked_name).unwrap_or_else(|| plain_name(volume));
        let disk = disk.to_owned();
        MovedDisk { disk, volume: claim.clone() }
    };
    Reverted { moved: seen.restores.iter().map(one).collect() }
}

/// The same of a restore that is gone, by the names that it gave the VM's claims.
fn moved_by(machine: &Value, uid: &str) -> Reverted {
    let one = |volume: &Value| {
        let disk = asked_name(volume)?.to_owned();
        let claim = volume.pointer("/persistentVolumeClaim/claimName");
        let claim = claim.or_else(|| volume.pointer("/dataVolume/name"))?.as_str()?;
        let is_its = claim.strip_prefix("restore-").is_some_and(|rest| rest.starts_with(uid));
        is_its.then(|| MovedDisk { disk, volume: claim.to_owned() })
    };
    Reverted { moved: volumes(machine).filter_map(one).collect() }
}

/// How a VM is to be run, where it is said by that field.
fn strategy(machine: &Value) -> Option<&str> {
    machine.pointer(RUN_STRATEGY).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn volumes(machine: &Value) -> impl Iterator<Item = &Value> {
    let all = machine.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
    all.into_iter().flatten()
}
