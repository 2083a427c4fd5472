//! What would go with a VM that is deleted, though it is to stay: volumes that the VM object owns.
//!
//! ```text
//!   made from the VM's own templates ─┐
//!   made by a restore, up to 1.6 ─────┼─► owned by the VM: the cluster would clear them away
//!   may not be looked at ─────────────┘    behind it, so everything that it owns is let go first
//!
//!   the state of firmware and TPM is the VM's alone, and goes
//! ```
//!
//! A restore puts each disk into a new claim, and makes the VM own it, whoever owned the one that
//! the disk was in before (`createRestorePVC` of KubeVirt).

use std::collections::BTreeSet;

use hostler_provider::{Cx, Result};
use serde_json::Value;

use crate::call::{Caller, Dependents, Selection};
use crate::error::Cause;
use crate::link::Link;
use crate::resource::Resource;

/// The label of claims that keep the state of a VM's firmware and TPM: the VM's name.
const STATE_LABEL: &str = "persistent-state-for";

/// What belongs to a VM.
pub(super) struct Belongings {
    /// What is to become of what the VM object owns.
    pub(super) dependents: Dependents,
    /// Claims of its state, by name and UID: nobody else has a use for them.
    pub(super) state: Vec<(String, String)>,
}

/// What is read of a claim.
struct Claim {
    name: String,
    uid: String,
    state_of: Option<String>,
    /// UIDs of its owners.
    owners: Vec<String>,
    /// Whether a data volume filled it, which may be the VM's.
    is_filled: bool,
}

impl Belongings {
    /// Of the VM as it is now.
    ///
    /// # Errors
    /// As its claims could not be looked at; that we may not do so is none.
    pub(super) async fn of(
        cx: &Cx,
        link: &Link,
        caller: &Caller,
        namespace: &str,
        object: &Value,
    ) -> Result<Self> {
        let selection = Selection::all(Resource::CLAIMS, Some(namespace.to_owned()));
        match caller.list_as(cx, &selection, |claim| Claim::of(&claim)).await {
            Ok(page) => Ok(Self::among(object, page.items)),
            Err(failure) if failure.cause == Cause::Forbidden => {
                Ok(Self { dependents: Dependents::Stay, state: Vec::new() })
            }
            Err(failure) => Err(link.noted(failure)),
        }
    }

    fn among(object: &Value, claims: Vec<Claim>) -> Self {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (name, uid) = (text("/metadata/name"), text("/metadata/uid"));
        let templates = object.pointer("/spec/dataVolumeTemplates").and_then(Value::as_array);
        let named = named(object);
        let mut keeps = templates.is_some_and(|templates| !templates.is_empty());
        let mut state = Vec::new();
        for claim in claims {
            let is_its = claim.owners.iter().any(|owner| owner == uid);
            if claim.state_of.as_deref() == Some(name) {
                if is_its || claim.owners.is_empty() {
                    state.push((claim.name, claim.uid));
                }
            } else {
                keeps |= is_its || (claim.is_filled && named.contains(claim.name.as_str()));
            }
        }
        let dependents = if keeps { Dependents::Stay } else { Dependents::Go };
        Self { dependents, state }
    }
}

impl Claim {
    fn of(object: &Value) -> Self {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let all = |field: &'static str| {
            let all = owners.into_iter().flatten();
            all.filter_map(move |one| Some(one.get(field)?.as_str()?.to_owned()))
        };
        Self {
            name: text("/metadata/name").unwrap_or_default(),
            uid: text("/metadata/uid").unwrap_or_default(),
            state_of: text(&format!("/metadata/labels/{STATE_LABEL}")),
            owners: all("uid").collect(),
            is_filled: all("kind").any(|kind| kind == "DataVolume"),
        }
    }
}

/// The claims that the VM's volumes name.
fn named(object: &Value) -> BTreeSet<&str> {
    let volumes = object.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
    volumes.into_iter().flatten().filter_map(claim_of).collect()
}

fn claim_of(volume: &Value) -> Option<&str> {
    let claim = volume.pointer("/persistentVolumeClaim/claimName");
    claim.or_else(|| volume.pointer("/dataVolume/name"))?.as_str()
}
