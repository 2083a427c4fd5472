//! What is known of clusters beside the fleet's picture: the last report of each, how asking
//! went, and what administrators said. Reports live only here: after a restart a cluster is
//! unknown until it was asked (E13).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_core::Timestamp;
use hostler_core::cluster::{Health, Report};
use hostler_core::id::ProviderId;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::TRIALS_MAX;
use super::view::Given;

/// What one cluster told, and when.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) report: Arc<Report>,
    pub(crate) at: Timestamp,
    /// The same by timers, from which ages are counted, whatever clocks do.
    pub(crate) arrived: Instant,
}

/// What is known of one cluster.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) told: Option<Told>,
    /// Why the latest attempt to ask it did not end well.
    pub(crate) failure: Option<String>,
    pub(crate) declared: BTreeMap<String, bool>,
    /// Who gave the secret that it is reached by.
    pub(crate) given: Option<Given>,
}

/// What is known of all clusters.
pub(crate) struct ClustersKnown {
    of: Mutex<HashMap<ProviderId, Known>>,
    trials: Semaphore,
    changing: tokio::sync::Mutex<()>,
}

impl Default for ClustersKnown {
    fn default() -> Self {
        Self {
            of: Mutex::default(),
            trials: Semaphore::new(TRIALS_MAX),
            changing: tokio::sync::Mutex::default(),
        }
    }
}

impl ClustersKnown {
    pub(super) const fn trials(&self) -> &Semaphore {
        &self.trials
    }

    /// Waits for whoever is replacing a secret or declaring hardware: what is stored and what
    /// is known here change together, in one order.
    pub(super) async fn changing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    pub(crate) fn of(&self, id: ProviderId) -> Known {
        self.lock().get(&id).cloned().unwrap_or_default()
    }

    /// Takes what the store holds of a provider that is being attached.
    pub(crate) fn load(
        &self,
        id: ProviderId,
        declared: BTreeMap<String, bool>,
        given: Option<Given>,
    ) {
        let known = Known { declared, given, ..Known::default() };
        self.lock().insert(id, known);
    }

    pub(crate) fn forget(&self, id: ProviderId) {
        self.lock().remove(&id);
    }

    /// Takes a report; tells the health before.
    pub(crate) fn report(&self, id: ProviderId, report: Report, at: Timestamp) -> Option<Health> {
        let mut all = self.lock();
        let known = all.get_mut(&id)?;
        let before = known.told.as_ref().map_or(Health::Unknown, |told| told.report.health);
        known.failure = None;
        known.told = Some(Told { report: Arc::new(report), at, arrived: Instant::now() });
        Some(before)
    }

    /// Notes that asking did not end well; the last report stays, and grows old.
    pub(crate) fn fail(&self, id: ProviderId, why: &str) {
        if let Some(known) = self.lock().get_mut(&id) {
            known.failure = Some(why.to_owned());
        }
    }

    pub(super) fn declare(&self, id: ProviderId, hardware: BTreeMap<String, bool>) {
        if let Some(known) = self.lock().get_mut(&id) {
            known.declared = hardware;
        }
    }

    pub(super) fn give(&self, id: ProviderId, given: Option<Given>) {
        if let Some(known) = self.lock().get_mut(&id) {
            known.given = given;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Known>> {
        // Every change replaces whole values: a poisoned lock is still good.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
