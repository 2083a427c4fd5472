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
//! What others own is shown, not taken: [`super::change`].

use serde_json::{Value, json};

use super::Making;
use crate::call::{CREATION_MANAGER, Result as Asked, WriteOptions};
use crate::error::Cause;
use crate::mapper::{MappedVm, Owner};
use crate::resource::Resource;

/// How often the list of managers is read anew because others wrote meanwhile.
const ATTEMPTS: usize = 8;

/// Who looks after a VM besides us, and what to do.
pub(super) fn kept_by(owner: &Owner) -> String {
    let name = owner.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("it is kept by {}{name}, by its {}: change it there", owner.tool, owner.evidence)
}

/// Only that very object is meant, not another one of its name.
pub(super) fn name_exactly(document: &mut Value, vm: &MappedVm) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), vm.vm.external_ref.as_str().into());
    }
}

/// What we set, with the values that it has: a policy of the cluster may have changed
/// them on the way, and lists may have been completed.
pub(super) fn as_it_became(ours: &Value, live: &Value) -> Value {
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
    pub(super) async fn put(
        &self,
        vm: &MappedVm,
        document: &Value,
        options: WriteOptions,
    ) -> Asked<Value> {
        let key = self.key(&vm.namespace);
        self.caller.apply(self.cx, Resource::VMS, &key, document, options).await
    }

    /// Makes what was made ours, and gives up what is not to be.
    pub(super) async fn take_on(&self, vm: &MappedVm, live: Value, document: &Value) -> Asked<()> {
        let mut fields = as_it_became(document, &live);
        name_exactly(&mut fields, vm);
        let live = self.put(vm, &fields, WriteOptions::default()).await?;
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
