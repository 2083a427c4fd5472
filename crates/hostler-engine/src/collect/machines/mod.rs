//! Machines that are measured from within: by an agent there, or this server's
//! own. What they tell is held beside what providers tell, and joined with the
//! fleet when somebody reads ([`join`]).
//!
//! ```text
//!                     ┌── not heard ──► failure noted, values grow old ──┐
//!  set ──► jitter ──► ask ── a report ──► held (once for each new pass) ─┴─► wait ──► ask …
//!                      ▲                                                       │
//!                      └──────────────── until it is set no more ──────────────┘
//! ```
//!
//! What is told of a machine is not stored: like all that is seen, it is unknown
//! after a restart until it is seen again.

mod follow;
mod index;
mod join;
mod own;
pub(super) mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result, Timestamp};
use hostler_provider::{Agent, AgentError, Asked, LeftOut, Machine, Metrics};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::PassFigures;
use super::gathering::Gathering;
use super::held::Origin;
use crate::fleet::snapshot::Snapshot;
use crate::{Inner, Listed};

pub(super) use join::{Joined, Place};
pub use view::{AgentJoin, AgentSource, AgentState, AgentView, MachineView};

/// How many agents are asked at once. They are many and some do not answer, so
/// they do not share the turns of providers.
const AT_ONCE: usize = 128;

/// The name of this server's own machine among those that have agents.
pub const OWN_MACHINE: &str = "hostlerd";

/// Names a machine while it is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MachineKey(u32);

/// An agent as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its name here.
    pub name: String,
    /// Where it is, for people.
    pub address: String,
    /// Anything else by which one that is configured differs from another.
    pub revision: String,
    /// The time from one question to the next.
    pub interval: Duration,
    /// The host that it is on, by name or id, where nobody should guess.
    pub host: Option<String>,
}

/// This server's own machine.
pub struct OwnMachine {
    /// Which it is.
    pub machine: Machine,
    /// What measures it, and how often.
    pub sources: Vec<OwnSource>,
    /// Whether a provider's address is on this machine, so that its host is.
    pub is_here: fn(&str) -> bool,
}

/// Something that measures this machine.
pub struct OwnSource {
    /// Whom it asks.
    pub asked: Asked,
    /// What asks.
    pub metrics: Arc<dyn Metrics>,
    /// The time from one pass to the next.
    pub interval: Duration,
}

/// A machine, and how it goes.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) settings: AgentSettings,
    pub(super) is_own: bool,
    /// Of this server's own: whether a provider's address is on it.
    pub(super) is_here: Option<fn(&str) -> bool>,
    /// What it says that it is; `None` until it was heard.
    pub(super) identity: Option<Heard>,
    /// Why it was not heard the last time; `None` also before the first.
    pub(super) error: Option<AgentError>,
    /// The time from one question to the next now.
    pub(super) interval: Duration,
    /// Whom it asks.
    pub(super) asked: BTreeSet<Asked>,
    pub(super) left_out: BTreeMap<LeftOut, u64>,
    stop: CancellationToken,
}

/// What a machine said of itself.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) machine: Machine,
    /// What its hypervisor calls it.
    pub(super) hypervisor_ref: Option<String>,
    pub(super) version: String,
    pub(super) started_at: Timestamp,
    /// When it was last heard, by the server's clock.
    pub(super) at: Timestamp,
    pub(super) arrived: Instant,
    /// By how much its clock is ahead of the server's, in seconds.
    pub(super) ahead_seconds: f64,
}

/// All of them.
pub(crate) struct Machines {
    state: RwLock<State>,
    /// Grows when a machine comes, goes, or says that it is another.
    revision: AtomicU64,
    /// Which machine was on which host a moment ago: every pass that ends asks.
    joined: Mutex<Option<Made>>,
    /// A permit for each agent that is being asked.
    asking: Semaphore,
}

/// What was joined, when, and of what.
struct Made {
    at: Instant,
    revision: u64,
    snapshot: Arc<Snapshot>,
    joined: Arc<Joined>,
}

/// For how long it holds that nobody has fallen silent since.
const JOINED_MAX: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    machines: BTreeMap<MachineKey, Watched>,
    next: u32,
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            state: RwLock::default(),
            revision: AtomicU64::new(0),
            joined: Mutex::default(),
            asking: Semaphore::new(AT_ONCE),
        }
    }
}

impl Machines {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Changes replace whole values, so a panic leaves none half done.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after each change by which a machine may be another.
    fn is_other(&self) {
        self.revision.fetch_add(1, Ordering::AcqRel);
    }

    fn add(&self, watched: Watched) -> MachineKey {
        let mut state = self.write();
        let key = MachineKey(state.next);
        state.next = state.next.wrapping_add(1);
        state.machines.insert(key, watched);
        drop(state);
        self.is_other();
        key
    }

    /// Changes what is known of one, while it is set.
    fn change(&self, key: MachineKey, change: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.write().machines.get_mut(&key) {
            change(watched);
        }
    }

    /// The names of all that are set: what a machine that is no host of a provider is told under.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.read().machines.values().map(|watched| watched.settings.name.clone()).collect()
    }

    /// Which machine is on which host.
    pub(super) fn joined(&self, snapshot: &Arc<Snapshot>) -> Arc<Joined> {
        let (now, revision) = (Instant::now(), self.revision.load(Ordering::Acquire));
        let mut made = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |made: &&Made| {
            made.revision == revision
                && Arc::ptr_eq(&made.snapshot, snapshot)
                && now.saturating_duration_since(made.at) <= JOINED_MAX
        };
        if let Some(made) = made.as_ref().filter(is_same) {
            return made.joined.clone();
        }
        let joined = Arc::new(join::joined(&self.read().machines, snapshot, now));
        let (snapshot, kept) = (snapshot.clone(), joined.clone());
        *made = Some(Made { at: now, revision, snapshot, joined: kept });
        joined
    }
}

/// Machines that are measured from within.
pub struct Agents<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Agents<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of them; fields are [`AgentView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<AgentView>> {
        let snapshot = self.engine.fleet.snapshot();
        let views: Vec<Arc<AgentView>> = self.all().into_iter().map(Arc::new).collect();
        let page = request.page(views.iter());
        Listed {
            items: page.rows.into_iter().cloned().collect(),
            next: page.next,
            total: page.total,
            observed_at: Some(self.engine.clock.now()),
            freshness: snapshot.freshness,
        }
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<AgentView> {
        view::all(self.engine)
    }

    /// What one measured of its machine, wherever that is told.
    pub fn figures(&self, name: &str) -> Result<(String, Vec<PassFigures>)> {
        let snapshot = self.engine.fleet.snapshot();
        let joined = self.engine.machines.joined(&snapshot);
        let key = joined.named(name).ok_or_else(|| {
            Error::new(Code::AgentNotFound, format!("there is no agent called {name}"))
        })?;
        let held = self.engine.figures.read();
        let at = Gathering { held: &held, joined: &joined, now: Instant::now() };
        Ok((name.to_owned(), at.of(Gathering::tellers_of_machine(key))))
    }

    /// Asks these agents from now on and no others; those that are the same go on.
    /// Where nothing is measured they are told and not asked.
    pub fn set(&self, agents: Vec<(AgentSettings, Arc<dyn Agent>)>) {
        let mut wanted: BTreeMap<String, (AgentSettings, Arc<dyn Agent>)> =
            agents.into_iter().map(|it| (it.0.name.clone(), it)).collect();
        let mut gone = Vec::new();
        self.engine.machines.write().machines.retain(|key, watched| {
            let is_same = |it: &(AgentSettings, Arc<dyn Agent>)| it.0 == watched.settings;
            if watched.is_own || wanted.get(&watched.settings.name).is_some_and(is_same) {
                wanted.remove(&watched.settings.name);
                return true;
            }
            watched.stop.cancel();
            gone.extend(watched.asked.iter().map(|asked| Origin::Machine(*key, *asked)));
            false
        });
        self.engine.machines.is_other();
        // Whoever still asks one of these finds it gone, and holds nothing of it.
        gone.into_iter().for_each(|origin| self.engine.figures.forget(origin));
        for (settings, agent) in wanted.into_values() {
            let stop = CancellationToken::new();
            let key = self.engine.machines.add(Watched::new(settings, false, stop.clone()));
            if self.engine.collect.is_none() {
                continue;
            }
            self.engine.supervise("asking an agent", move |engine| {
                follow::run(engine, key, agent.clone(), stop.clone())
            });
        }
    }

    /// Measures this server's own machine from now on. Without effect where nothing
    /// is measured.
    pub fn measure_own(&self, own: OwnMachine) {
        if self.engine.collect.is_none() {
            return;
        }
        let interval = own.sources.iter().map(|source| source.interval).min();
        let settings = AgentSettings {
            name: OWN_MACHINE.to_owned(),
            address: "this machine".to_owned(),
            revision: String::new(),
            interval: interval.unwrap_or(Duration::from_secs(5)),
            host: None,
        };
        let mut watched = Watched::new(settings, true, CancellationToken::new());
        watched.is_here = Some(own.is_here);
        watched.asked = own.sources.iter().map(|source| source.asked).collect();
        watched.identity = Some(own::heard(self.engine, own.machine));
        let key = self.engine.machines.add(watched);
        for source in own.sources {
            let OwnSource { asked, metrics, interval } = source;
            for pass in metrics.passes() {
                let metrics = metrics.clone();
                let turn = own::Turn { key, asked, pass: *pass, interval };
                self.engine.supervise("measuring this machine", move |engine| {
                    own::run(engine, turn, metrics.clone())
                });
            }
        }
    }
}

impl Watched {
    fn new(settings: AgentSettings, is_own: bool, stop: CancellationToken) -> Self {
        Self {
            interval: settings.interval,
            settings,
            is_own,
            is_here: None,
            identity: None,
            error: None,
            asked: BTreeSet::new(),
            left_out: BTreeMap::new(),
            stop,
        }
    }

    /// Whether it was heard so lately that what it says of itself still holds.
    fn is_live(&self, now: Instant) -> bool {
        let fresh = super::told::fresh_for(self.interval);
        let age = |heard: &Heard| now.saturating_duration_since(heard.arrived);
        self.is_own || self.identity.as_ref().is_some_and(|heard| age(heard) <= fresh)
    }
}
