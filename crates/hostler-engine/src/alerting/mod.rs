//! Alerts: rules are evaluated over the history, what they say is kept and told.
//!
//! ```text
//!  configuration ──► rules ──► a loop for each group, at its own pace
//!                                 │ evaluate (beside other threads, with turns of its own)
//!                                 ▼
//!                              decide: core's `state::step`, stored with its events
//!                                 │ wakes
//!                                 ▼
//!                              tell: silenced? inhibited? routes ─► groups ─► outbox
//!                                 │ wakes                    (one transaction)
//!                                 ▼
//!                              deliver: a loop for each receiver, at least once
//! ```
//!
//! Whoever decides anything holds [`Alerting::deciding`], stores it, and only then
//! changes what is [`Known`]: what is shown was stored, and what could not be
//! stored is decided again.

mod decide;
mod deliver;
mod evaluate;
mod figures;
mod known;
mod record;
mod rules;
mod run;
mod seen;
mod tell;
mod views;
mod wishes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::alert::Identity;
use hostler_core::alert::inhibit::InhibitRule;
use hostler_core::alert::notice::{Notice, NoticeAlert, Undelivered};
use hostler_core::alert::route::Routes;
use hostler_core::{Result, Timestamp};
use hostler_store::{AlertChangeFilter, AlertChangeRow, Store};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore, watch};

use crate::Inner;
use evaluate::Written;
use figures::Evaluations;
use known::Known;

pub use rules::{RuleSource, check_rules};
pub use views::{AlertView, ReceiverView, RuleHealth, RuleView, SilenceView};
pub use wishes::{NewSilence, SilencedFor};

pub(crate) use rules::Recorded;
pub(crate) use run::start;

/// How many groups of rules are evaluated at once. Turns of their own: users'
/// queries must not keep an alert from being seen.
const EVALUATIONS_AT_ONCE: usize = 2;
/// How many lines of the history of alerts are kept.
pub(crate) const CHANGES_KEEP: u64 = 100_000;

/// Delivers notices to one receiver.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Tries once. The same notice may come again, after a failure or a crash, with
    /// the same id.
    async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered>;

    /// How often the receiver wants to hear of all that fires, or else believes that it
    /// is over; `None` where it remembers by itself.
    fn refresh_interval(&self) -> Option<Duration> {
        None
    }

    /// Tells again what it was told and what still fires.
    async fn refresh(&self, _alerts: &[NoticeAlert]) -> Result<(), Undelivered> {
        Ok(())
    }
}

/// A receiver of notices.
#[derive(Clone)]
pub struct AlertReceiver {
    /// What it is, for people: `webhook`, `slack` …
    pub kind: &'static str,
    /// How it is reached.
    pub delivery: Arc<dyn Deliver>,
}

/// What is watched, and who is told.
#[derive(Clone, Default)]
pub struct AlertingConfig {
    /// The rules.
    pub rules: Vec<RuleSource>,
    /// Who is told about what; `None`: alerts are shown, and nobody is told.
    pub routes: Option<Routes>,
    /// What is not told while something else fires.
    pub inhibit: Vec<InhibitRule>,
    /// The receivers by their names.
    pub receivers: BTreeMap<String, AlertReceiver>,
    /// How people reach this server, for links in notices.
    pub server_url: Option<String>,
}

impl std::fmt::Debug for AlertingConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertingConfig")
            .field("rules", &self.rules)
            .field("receivers", &self.receivers.keys())
            .finish_non_exhaustive()
    }
}

/// Everything about alerts that the engine holds.
pub(crate) struct Alerting {
    /// Held from reading what is known until what was decided is stored and known.
    deciding: tokio::sync::Mutex<()>,
    known: RwLock<Known>,
    /// A permit for each group that is being evaluated.
    evaluating: Arc<Semaphore>,
    /// Grows with every configuration; 0: none was given yet.
    configured: watch::Sender<u64>,
    /// Something changed that somebody may have to be told.
    changed: Notify,
    /// Grows when notices were put into the outbox.
    sent: watch::Sender<u64>,
    /// What rules wrote into the history last.
    written: Mutex<Written>,
    evaluations: Evaluations,
}

impl Alerting {
    /// As it was when the server stopped.
    pub(crate) async fn load(store: &Store) -> Result<Self> {
        Ok(Self {
            deciding: tokio::sync::Mutex::default(),
            known: RwLock::new(Known::of(store.alerts().await?)),
            evaluating: Arc::new(Semaphore::new(EVALUATIONS_AT_ONCE)),
            configured: watch::Sender::new(0),
            changed: Notify::new(),
            sent: watch::Sender::new(0),
            written: Mutex::default(),
            evaluations: Evaluations::default(),
        })
    }

    /// The names that recording rules write and nobody may push.
    pub(crate) fn recorded(&self) -> Arc<Recorded> {
        self.known().recorded.clone()
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of an alert in the API: short, fit for an address, the same for the
/// same labels for ever.
pub(crate) fn id_of(alert: &Identity) -> String {
    short_hash(alert.as_str())
}

/// 128 bits of SHA-256: who chooses names cannot make two things share one.
fn short_hash(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text).iter().take(16).fold(String::new(), |mut id, byte| {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// Alerts.
pub struct Alerts<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Alerts<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Watches by these rules and tells these receivers from now on. Alerts of rules
    /// that are still there go on; those of others are over.
    ///
    /// What users push under the name of a recording rule ends: a series has one source, and
    /// who pushes must not keep a configuration from being taken.
    ///
    /// # Errors
    /// When the store or the history cannot keep what that changes; then everything stays as
    /// it was.
    pub async fn configure(&self, config: AlertingConfig) -> Result<()> {
        run::configure(self.engine, config).await
    }

    /// Evaluates all rules once, decides what is told, and puts it into the outbox,
    /// without waiting for anybody's turn in time. What happens by itself, at once.
    pub async fn evaluate_now(&self) {
        run::evaluate_now(self.engine).await;
    }

    /// Whether rules can be evaluated at all: whether there is a history to ask.
    pub fn can_evaluate(&self) -> bool {
        self.engine.history.is_some()
    }

    /// What happened to alerts, newest first, from before number `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        before: Option<u64>,
        filter: &AlertChangeFilter,
        limit: u32,
    ) -> Result<Vec<AlertChangeRow>> {
        Ok(self.engine.store.alert_changes(before, filter, limit).await?)
    }

    fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }
}
