//! Disks that a snapshot left out, and what becomes of them when the VM is put back.
//!
//! A snapshot holds the whole specification of its VM, and the contents of those disks only whose
//! storage can be snapshotted. KubeVirt puts the specification back whole: a disk that was left
//! out comes back with the claim that it had then, whoever has that by now. Two VMs would write
//! to it; so that is looked at before, and refused.
//!
//! ```text
//!   left out of the contents, and not the VM's now ─► its claim: there? ─► whose? ─► nobody's: goes on
//!                                                        └─ no: refused  └─ another VM's: refused
//! ```

use hostler_core::Code;
use hostler_provider::{Kind, Result};
use serde_json::Value;

use super::job::Job;
use crate::error::Cause;
use crate::mapper::MappedSnapshot;
use crate::resource::Resource;
use crate::storage::Users;

const VOLUMES: &str = "/spec/template/spec/volumes";

/// A disk that would come back with the claim that it had.
struct Returning {
    disk: String,
    claim: String,
    /// Whether the VM makes the claim anew by itself, where it is gone.
    is_made_anew: bool,
}

impl Job<'_> {
    /// # Errors
    /// `Conflict` where a disk that was left out would come back with a claim that another VM has,
    /// or that is gone; `Denied` where that cannot be looked at.
    pub(super) async fn check_left_out(
        &self,
        machine: &Value,
        snapshot: &MappedSnapshot,
    ) -> Result<()> {
        let has_now: Vec<_> = list(machine, VOLUMES).filter_map(|it| text(it, "/name")).collect();
        let left_out = snapshot.excluded_volumes.value();
        let comes_back = |name: &String| !has_now.contains(&name.as_str());
        // What the VM has is not brought to it.
        if left_out.is_some_and(|names| !names.iter().any(comes_back)) {
            return Ok(());
        }
        let returning = self.returning(machine, snapshot).await?;
        if returning.is_empty() {
            return Ok(());
        }
        let (link, own) = (&self.provider.shared.link, Some(&*self.seen.vm.name));
        let users = Users::of(self.cx, link, &self.caller, &self.seen.namespace).await;
        let users = users.map_err(|error| self.looked(error.context(&self.doing)))?;
        for Returning { disk, claim, is_made_anew } in returning {
            if let Some(user) = users.of_claim(&claim, own) {
                let what = format!(
                    "its disk \"{disk}\" is not held by the snapshot and would come back with \
                     volume {claim}, which VM \"{}\" has by now; take it off that one first",
                    user.name
                );
                return Err(self.wrong(&what).with_code(Code::VolumeInUse));
            }
            let there = self.caller.get(self.cx, Resource::CLAIMS, &self.key(&claim)).await;
            match there {
                Err(failure) if failure.cause == Cause::ObjectMissing && !is_made_anew => {
                    let what = format!(
                        "its disk \"{disk}\" is not held by the snapshot and would come back with \
                         volume {claim}, which is not there any more, so that the VM could not \
                         be started; make a claim of that name first"
                    );
                    return Err(self.wrong(&what));
                }
                // Who may not look at it may use it all the same.
                _ => {}
            }
        }
        Ok(())
    }

    /// What would come back, by the snapshot's contents.
    async fn returning(
        &self,
        machine: &Value,
        snapshot: &MappedSnapshot,
    ) -> Result<Vec<Returning>> {
        let Some(content) = &snapshot.content else {
            return Err(self.wrong("the cluster does not tell where the snapshot's contents are"));
        };
        let resource = Resource::snapshot_contents(self.version);
        let content = match self.caller.get(self.cx, resource, &self.key(content)).await {
            Ok(content) => content,
            Err(failure) if failure.cause == Cause::Forbidden => {
                let what = "the snapshot does not hold all disks that the VM had, and with which \
                            volumes they would come back may not be looked at; allow `get` of \
                            virtualmachinesnapshotcontents in snapshot.kubevirt.io";
                return Err(self.error(Kind::Denied, what));
            }
            Err(failure) => return Err(self.looked(self.noted(failure))),
        };
        let held: Vec<_> = list(&content, "/spec/volumeBackups")
            .filter_map(|it| text(it, "/volumeName"))
            .collect();
        let source = "/spec/source/virtualMachine";
        let made_anew: Vec<_> = list(&content, &format!("{source}/spec/dataVolumeTemplates"))
            .filter_map(|it| text(it, "/metadata/name"))
            .collect();
        let has_now: Vec<_> = list(machine, VOLUMES).filter_map(claim_of).collect();
        let one = |volume: &Value| {
            let (name, claim) = (text(volume, "/name")?, claim_of(volume)?);
            (!held.contains(&name) && !has_now.contains(&claim)).then(|| Returning {
                disk: crate::disks::asked_name(volume).unwrap_or(name).to_owned(),
                claim: claim.to_owned(),
                is_made_anew: made_anew.contains(&claim),
            })
        };
        Ok(list(&content, &format!("{source}{VOLUMES}")).filter_map(one).collect())
    }

    /// An error of a look, which changed nothing.
    fn looked(&self, error: hostler_provider::Error) -> hostler_provider::Error {
        crate::link::without_effect(error)
    }
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn claim_of(volume: &Value) -> Option<&str> {
    let claim = text(volume, "/persistentVolumeClaim/claimName");
    claim.or_else(|| text(volume, "/dataVolume/name"))
}
