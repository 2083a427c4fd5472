//! Who owns what of a VM that we made (X25).
//!
//! ```text
//!   made by hostler-create: all of it, with how it is to be run
//!       │  applied by hostler: what the specification sets, as it became
//!       ▼
//!   owned by both
//!       │  hostler-create is struck from the list of managers
//!       ▼
//!   hostler owns what the specification sets; nobody owns how it is to be run, and
//!   nothing of ours ever writes that again
//! ```
//!
//! Server-side apply makes what is not there and changes what is, and cannot be told
//! to do the first only: of two that apply a VM of the same name at once both would
//! succeed, with one VM that is neither's. So a VM is made by a plain create, which
//! one of them gets refused, and then applied. Each step can be found half done, and
//! repeated.
//!
//! What others own is shown, not taken: [`KubeVirt::apply_vm`].

use hostler_provider::{Cx, EnsureVm, Error, Kind, VmHandle};
use serde_json::{Value, json};

use super::Making;
use crate::call::{CREATION_MANAGER, Result as Asked, WriteOptions};
use crate::error::{Cause, Owned};
use crate::mapper::{MappedVm, Owner};
use crate::provider::KubeVirt;
use crate::resource::Resource;

/// How often the list of managers is read anew because others wrote meanwhile.
const ATTEMPTS: usize = 8;

/// What may be taken over from others.
#[derive(Debug, Clone, Default)]
pub struct TakeOver {
    /// Fields with their managers, as an earlier attempt showed them. Others stay
    /// refused, however much is in here.
    pub shown: Vec<Owned>,
    /// Also from tools that will put back what they have written down: Argo CD, Flux,
    /// or a controller that made the VM.
    pub from_gitops: bool,
}

/// What was not applied, and what is in the way.
#[derive(Debug)]
pub struct NotApplied {
    /// Why, for the caller.
    pub error: Error,
    /// Fields of others: to be shown, and given back in [`TakeOver::shown`] by whoever
    /// wants them all the same. Empty where it failed of something else.
    pub owned: Vec<Owned>,
}

impl From<Error> for NotApplied {
    fn from(error: Error) -> Self {
        Self { error, owned: Vec::new() }
    }
}

impl KubeVirt {
    /// Gives a VM that we made the specification that it should have. How it is to be
    /// run stays, and so do fields of others unless they may be taken over.
    ///
    /// # Errors
    /// `NotFound` where the VM is not there; `Conflict` where others own fields that
    /// would change, with all of these.
    pub async fn apply_vm(
        &self,
        cx: &Cx,
        request: &EnsureVm<'_>,
        take: &TakeOver,
    ) -> Result<VmHandle, NotApplied> {
        let making = Making::begin(self, cx, request, "change").await?;
        let Some(found) = making.find().await? else {
            return Err(making.error(Kind::NotFound, "it is not there").into());
        };
        let mut document = making.document(&found.mapped.namespace, true)?;
        name_exactly(&mut document, &found.mapped);
        making.may_write()?;
        let failure = match making.put(&found.mapped, &document, false).await {
            Ok(_) => return Ok(found.handle(false)),
            Err(failure) => failure,
        };
        let Cause::Owned(owned) = failure.cause else { return Err(making.failed(failure).into()) };
        if let Some(owner) = found.mapped.owners.first().filter(|_| !take.from_gitops) {
            let what = format!("{}; {}", listed(&owned), kept_by(owner));
            return Err(NotApplied { error: making.error(Kind::Conflict, &what), owned });
        }
        if !owned.iter().all(|one| take.shown.contains(one)) {
            let what = format!("{}; ask again to take these fields over", listed(&owned));
            return Err(NotApplied { error: making.error(Kind::Conflict, &what), owned });
        }
        let forced = making.put(&found.mapped, &document, true).await;
        forced.map_err(|failure| making.failed(failure))?;
        Ok(found.handle(false))
    }
}

fn listed(owned: &[Owned]) -> String {
    let named = owned.iter().take(8).map(|one| format!("{} ({})", one.field, one.manager));
    let named: Vec<String> = named.collect();
    let more = owned.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("others manage these fields: {}{more}", named.join(", "))
}

/// Who looks after a VM besides us, and what to do.
pub(super) fn kept_by(owner: &Owner) -> String {
    let name = owner.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("it is kept by {}{name}, by its {}: change it there", owner.tool, owner.evidence)
}

/// Only that very object is meant, not another one of its name.
fn name_exactly(document: &mut Value, vm: &MappedVm) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), vm.vm.external_ref.as_str().into());
    }
}

/// What we set, with the values that it has: a policy of the cluster may have changed
/// them on the way, and lists may have been completed.
fn as_it_became(ours: &Value, live: &Value) -> Value {
    match (ours, live) {
        (Value::Object(ours), Value::Object(live)) => {
            let both = ours.iter().filter_map(|(key, value)| Some((key, value, live.get(key)?)));
            both.map(|(key, ours, live)| (key.clone(), as_it_became(ours, live))).collect()
        }
        (_, live) => live.clone(),
    }
}

/// Whether a VM is still owned by who made it.
pub(super) fn is_half_made(live: &Value) -> bool {
    position(live).is_some()
}

fn position(live: &Value) -> Option<usize> {
    let managers = live.pointer("/metadata/managedFields")?.as_array()?;
    managers.iter().position(|entry| {
        entry.get("manager").and_then(Value::as_str) == Some(CREATION_MANAGER)
            && entry.get("subresource").and_then(Value::as_str).unwrap_or_default().is_empty()
    })
}

impl Making<'_> {
    /// Applies fields.
    async fn put(&self, vm: &MappedVm, document: &Value, force: bool) -> Asked<Value> {
        let key = self.key(&vm.namespace);
        let options = WriteOptions { force, ..WriteOptions::default() };
        self.caller.apply(self.cx, Resource::VMS, &key, document, options).await
    }

    /// Makes what was made ours, and gives up what is not to be.
    pub(super) async fn take_on(&self, vm: &MappedVm, live: Value, document: &Value) -> Asked<()> {
        let mut fields = as_it_became(document, &live);
        name_exactly(&mut fields, vm);
        let live = self.put(vm, &fields, false).await?;
        self.give_up(vm, live).await
    }

    async fn give_up(&self, vm: &MappedVm, mut live: Value) -> Asked<()> {
        let key = self.key(&vm.namespace);
        let mut attempt = 1;
        while let Some(index) = position(&live) {
            let entry = format!("/metadata/managedFields/{index}");
            let patch = json!([
                { "op": "test", "path": "/metadata/uid", "value": vm.vm.external_ref },
                { "op": "test", "path": format!("{entry}/manager"), "value": CREATION_MANAGER },
                { "op": "remove", "path": entry },
            ]);
            let patched = self.caller.patch(self.cx, Resource::VMS, &key, &patch).await;
            match patched {
                Ok(_) => return Ok(()),
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    attempt += 1;
                    live = self.caller.get(self.cx, Resource::VMS, &key).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}
