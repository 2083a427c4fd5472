//! What is remembered of migrations that are over. Providers remember few (KubeVirt the latest
//! five of each VM) and tell none while they are silent, so each that is seen to be over, by
//! whoever looks, is written down once.
//!
//! ```text
//!   a pass, every few minutes ─┐
//!                              ├─► provider tells ─► over, not kept yet? ─► store
//!   somebody reads the list ───┘          │                                   │
//!                                         ▼                                   ▼
//!                              told as it is now   ◄── else, as it was told then
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use hostler_core::id::ProviderId;
use hostler_core::migration::Migration;
use hostler_provider::Provider;
use hostler_store::KeptMigration;
use tracing::{debug, warn};

use super::{MigrationView, ToldBy, ToldMigrations, ask_all, views};
use crate::{Inner, VmView};

/// So many are written at once: the store has one writer for all.
const BATCH: usize = 200;

/// What need not be written again. Of each provider as much as it told last.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<HashMap<ProviderId, HashMap<String, Ending>>>);

/// How one was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With the time when it was over: there is no more to be told.
    Told,
    /// Its provider has not told yet when it was over.
    Lacking,
}

impl Ending {
    const fn of(told: &Migration) -> Self {
        if told.ended_at.is_some() { Self::Told } else { Self::Lacking }
    }
}

impl Written {
    /// Whether the store has as much of it.
    fn has(&self, provider: ProviderId, told: &Migration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&provider).and_then(|all| all.get(&told.external_ref));
        before.is_some_and(|before| *before == Ending::Told || *before == Ending::of(told))
    }

    fn note(&self, provider: ProviderId, kept: &[KeptMigration]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = kept.iter().map(|one| (one.told.external_ref.clone(), Ending::of(&one.told)));
        all.entry(provider).or_default().extend(noted);
    }

    /// Forgets what the provider does not tell any more.
    fn trim(&self, provider: ProviderId, told: &[Migration]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = all.get_mut(&provider) {
            let told: HashSet<&str> = told.iter().map(|one| one.external_ref.as_str()).collect();
            of.retain(|reference, _| told.contains(reference.as_str()));
        }
    }

    pub(super) fn forget(&self, is_gone: impl Fn(&ProviderId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| !is_gone(id));
    }
}

/// Asks a provider for all that it remembers, to keep what is over: what each pass does.
pub(crate) async fn look(engine: &Arc<Inner>, id: ProviderId, provider: &Arc<dyn Provider>) {
    match &*ask_all(engine, id, provider).await {
        Ok(told) => debug!(provider = %id, count = told.len(), "looked at migrations"),
        Err(error) => debug!(provider = %id, %error, "the provider does not tell its migrations"),
    }
}

/// Keeps those of `told` that are over and were not kept yet. That it cannot be done hinders
/// nobody who reads: the next pass tries again. `is_all`: whether there are no others.
pub(super) async fn keep(engine: &Inner, id: ProviderId, told: &[Migration], is_all: bool) {
    let written = &engine.migrations.written;
    let fresh = told.iter().filter(|one| one.phase.is_over() && !written.has(id, one));
    let kept = |view: MigrationView| KeptMigration {
        provider: id,
        vm: view.vm.0,
        source: view.source,
        target: view.target,
        told: view.observed,
    };
    let fresh: Vec<_> = views(engine, id, fresh).into_iter().map(kept).collect();
    for some in fresh.chunks(BATCH) {
        match engine.store.keep_migrations(some, engine.pace.migrations_keep).await {
            Ok(()) => written.note(id, some),
            Err(error) => {
                warn!(provider = %id, %error, "cannot keep what is over of migrations");
                return;
            }
        }
    }
    if is_all {
        written.trim(id, told);
    }
}

/// Adds what was kept and is not told now.
pub(super) fn add(engine: &Inner, told: &mut ToldMigrations, kept: Vec<KeptMigration>) {
    let snapshot = engine.fleet.snapshot();
    let at = |vm: &Arc<VmView>| Some((vm.provider.as_ref()?.0, vm.external_ref()?.to_owned()));
    let vms: HashMap<_, _> = snapshot.vms.values().filter_map(|vm| Some((at(vm)?, vm))).collect();
    let fresh: HashSet<(ProviderId, String)> =
        told.items.iter().map(|one| (one.provider.0, one.observed.external_ref.clone())).collect();
    let views = kept.into_iter().filter_map(|one| {
        // What a provider told that is not there any more is told by nobody.
        let of = snapshot.providers.get(&one.provider)?;
        let KeptMigration { provider, vm, source, target, told } = one;
        if fresh.contains(&(provider, told.external_ref.clone())) {
            return None;
        }
        let now = vms.get(&(provider, told.vm_ref.clone()));
        let vm = now.map_or_else(|| (vm, told.vm_name.clone()), |vm| (vm.id, vm.name.clone()));
        Some(MigrationView {
            simulated: of.simulated,
            provider: (provider, of.row.name.clone()),
            vm,
            source,
            target,
            observed: told,
            told_by: ToldBy::History,
        })
    });
    let views: Vec<_> = views.collect();
    told.items.extend(views);
}
