//! Instance types and preferences: read with the inventory where a VM names one, and kept for a
//! while. While a VM runs its instance says all of it; one that is off is sized by them.
//!
//! ```text
//!   named by VMs ──┬─ none, or all of them asked for a moment ago ──► what is kept
//!                  └─ else: a list of each kind that is named ──► read, or why not
//! ```
//!
//! Nothing depends on it: what is not read is told as not read, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_provider::Cx;
use tokio::time::Instant;

use super::Fleet;
use crate::call::{Caller, Selection};
use crate::error::Cause;
use crate::mapper::instance_types::{
    map_cluster_instance_type, map_cluster_preference, map_instance_type, map_preference,
};
use crate::mapper::vms::types_of;
use crate::mapper::{Incompatible, TypeRef, Types};
use crate::objects::{self, Object};
use crate::resource::Resource;

/// How long what was read is kept.
const KEPT: Duration = Duration::from_secs(60);

/// What VMs name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    instance_types: BTreeSet<TypeRef>,
    preferences: BTreeSet<TypeRef>,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Read(Mutex<State>);

#[derive(Default)]
struct State {
    known: Arc<Types>,
    asked: Named,
    asked_at: Option<Instant>,
}

impl Read {
    /// What is known.
    pub(crate) fn known(&self) -> Arc<Types> {
        self.lock().known.clone()
    }

    /// Whether it is to be read now.
    fn is_due(&self, named: &Named, now: Instant) -> bool {
        let state = self.lock();
        let is_kept = state.asked_at.is_some_and(|at| now - at < KEPT);
        let is_asked = named.instance_types.is_subset(&state.asked.instance_types)
            && named.preferences.is_subset(&state.asked.preferences);
        !(is_kept && is_asked) && *named != Named::default()
    }

    fn keep(&self, named: Named, types: Types, now: Instant) {
        let known = Arc::new(types);
        *self.lock() = State { known, asked: named, asked_at: Some(now) };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fleet {
    /// Reads what VMs name, unless that was done a moment ago. It gets a part of the time alone:
    /// the rest goes on without it.
    pub(crate) async fn read_types(&self, cx: &Cx, caller: &Caller) {
        let named = self.named();
        if !self.types.is_due(&named, Instant::now()) {
            return;
        }
        let asking = Asking {
            cx: &cx.at_most(cx.remaining() / 4),
            caller,
            scopes: self.scopes.iter().map(|it| it.vms.selection().namespace.clone()).collect(),
            at: cx.now(),
        };
        let types = asking.types(&named).await;
        self.types.keep(named, types, Instant::now());
    }

    fn named(&self) -> Named {
        let mut named = Named::default();
        for vm in self.scopes.iter().flat_map(|scope| scope.vms.all().value) {
            let Ok(vm) = vm.as_ref() else { continue };
            let (instance_type, preference) = types_of(vm);
            named.instance_types.extend(instance_type);
            named.preferences.extend(preference);
        }
        named
    }
}

/// One reading of them.
struct Asking<'a> {
    cx: &'a Cx,
    caller: &'a Caller,
    scopes: Vec<Option<String>>,
    at: Timestamp,
}

impl Asking<'_> {
    async fn types(&self, named: &Named) -> Types {
        let at = self.at;
        let mut types = Types::default();
        let (instance_types, no_instance_type) = self
            .both(
                &named.instance_types,
                (Resource::INSTANCE_TYPES, |one| map_instance_type(one, at)),
                (Resource::CLUSTER_INSTANCE_TYPES, |one| map_cluster_instance_type(one, at)),
            )
            .await;
        let (preferences, no_preference) = self
            .both(
                &named.preferences,
                (Resource::PREFERENCES, map_preference),
                (Resource::CLUSTER_PREFERENCES, map_cluster_preference),
            )
            .await;
        (types.instance_types, types.no_instance_type) = (instance_types, no_instance_type);
        (types.preferences, types.no_preference) = (preferences, no_preference);
        types
    }

    /// Those of namespaces and those of the cluster, of which any is named; and why others that
    /// are named are not among them.
    async fn both<N: Object, C: Object, M>(
        &self,
        named: &BTreeSet<TypeRef>,
        (of_namespaces, map_one): (Resource, impl Fn(&N) -> Result<(TypeRef, M), Incompatible>),
        (of_cluster, map_clusters): (Resource, impl Fn(&C) -> Result<(TypeRef, M), Incompatible>),
    ) -> (BTreeMap<TypeRef, M>, BTreeMap<TypeRef, String>) {
        // Why what is named there is not known: by namespace, one for all of them, or the cluster's.
        let (mut found, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        let mut of_cluster_why = None;
        if named.iter().any(|name| name.namespace.is_some()) {
            for scope in &self.scopes {
                let all = Selection::all(of_namespaces, scope.clone());
                if let Some(why) = self.list(&all, &map_one, &mut found).await {
                    reasons.insert(scope.clone(), why);
                }
            }
        }
        if named.iter().any(|name| name.namespace.is_none()) {
            let all = Selection::all(of_cluster, None);
            of_cluster_why = self.list(&all, &map_clusters, &mut found).await;
        }
        found.retain(|name, _| named.contains(name));
        let missing = named.iter().filter(|name| !found.contains_key(*name)).map(|name| {
            let why = match &name.namespace {
                None => of_cluster_why.as_ref(),
                own => reasons.get(own).or_else(|| reasons.get(&None)),
            };
            let why = why.cloned().unwrap_or_else(|| "there is none of that name".to_owned());
            (name.clone(), why)
        });
        let missing = missing.collect();
        (found, missing)
    }

    /// Reads one kind; why not, if not.
    async fn list<T: Object, M>(
        &self,
        all: &Selection,
        map: &impl Fn(&T) -> Result<(TypeRef, M), Incompatible>,
        found: &mut BTreeMap<TypeRef, M>,
    ) -> Option<String> {
        let page = match self.caller.list(self.cx, all).await {
            Ok(page) => page,
            Err(failure) if failure.cause == Cause::Forbidden => {
                let kind = all.resource.full_name();
                return Some(format!("our account may not; grant `list` of {kind}"));
            }
            Err(failure) => return Some(failure.error.message().to_owned()),
        };
        let mut unread = None;
        for document in page.items {
            match objects::read::<T>(document).and_then(|object| map(&object)) {
                Ok((name, mapped)) => drop(found.insert(name, mapped)),
                Err(error) => unread = Some(error.to_string()),
            }
        }
        unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Named {
        let name = |name: &&str| TypeRef { namespace: None, name: (*name).to_owned() };
        Named { instance_types: names.iter().map(name).collect(), ..Named::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_read_when_a_vm_names_one_and_then_for_a_while_not() {
        let read = Read::default();
        assert!(!read.is_due(&named(&[]), Instant::now()), "nobody names any");
        assert!(read.is_due(&named(&["small"]), Instant::now()));
        read.keep(named(&["small"]), Types::default(), Instant::now());
        assert!(!read.is_due(&named(&["small"]), Instant::now()));
        assert!(read.is_due(&named(&["small", "large"]), Instant::now()), "it is new");
        tokio::time::advance(KEPT).await;
        assert!(read.is_due(&named(&["small"]), Instant::now()));
    }
}
