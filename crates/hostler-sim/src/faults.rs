//! Faults on demand: which call to a world fails, when, and how.
//!
//! A call has three points at which it can be struck:
//!
//! ```text
//!   caller ──► [Before] ──► effect begins ──► [Midway] ──► effect done ──► [After] ──► caller
//!              surely nothing happened       half of it happened          all happened, answer lost
//! ```
//!
//! A fourth fault gives up before the effect, which comes all the same: [`Late`].
//!
//! Calls are numbered from 0 as they come, so a test runs an operation once,
//! reads [`FaultPlan::count_calls`], and then runs it again for every number and
//! every [`When`]. Looks (probe, inventory, subscribe, observe) have no number:
//! they also come by themselves, and would make each number another call's.
//!
//! A call can also be held at its first point until [`FaultPlan::unhang`], so that
//! what happens meanwhile does so surely and in this order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_provider::{Change, Error, Kind, Result, VmRef};
use tokio::sync::watch;

use crate::late::Late;
use crate::verb::Verb;

/// How many of the latest calls [`FaultPlan::calls`] remembers.
const LOG_MAX: usize = 4096;

/// At which point of a call a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// Before anything happened; the error says so.
    Before,
    /// Halfway: a volume is half filled. Calls that are done at one stroke are
    /// done. The error says that the effect is unknown.
    Midway,
    /// After everything happened; the answer is lost, and the error says that
    /// the effect is unknown.
    After,
}

impl When {
    /// Every point.
    pub const ALL: &'static [Self] = &[Self::Before, Self::Midway, Self::After];

    /// The kind of error when a test names none: one that no retry cures, so
    /// that the operation has to unwind.
    const fn lasting_kind(self) -> Kind {
        match self {
            Self::Before => Kind::Denied,
            Self::Midway | Self::After => Kind::Bug,
        }
    }
}

/// What befalls the events of a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventFault {
    /// Nothing: each is told once and in order.
    #[default]
    None,
    /// Each is lost, without a word.
    Drop,
    /// Each is told twice.
    Duplicate,
    /// Each second one overtakes the one before it.
    Reorder,
}

/// What a call is about; hung VMs and hosts are looked up by it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) host: Option<String>,
    pub(crate) vm: Option<VmRef>,
}

/// Which calls a rule strikes.
#[derive(Debug, Clone, Copy)]
enum Aim {
    Number(u64),
    Verb(Verb),
    Change,
    Any,
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    aim: Aim,
    /// So many calls are let through first.
    passing: u32,
    left: u32,
    strike: Strike,
}

impl Rule {
    /// What befalls this call by it; calls without a number are looks.
    fn strike(&mut self, verb: Verb, number: Option<u64>) -> Option<Strike> {
        let is_meant = match self.aim {
            Aim::Number(wanted) => number == Some(wanted),
            Aim::Verb(wanted) => wanted == verb,
            Aim::Change => verb.is_change(),
            Aim::Any => true,
        };
        if !is_meant || self.left == 0 {
            return None;
        }
        if self.passing > 0 {
            self.passing -= 1;
            return None;
        }
        self.left -= 1;
        Some(self.strike)
    }
}

/// What befalls a call that a rule strikes.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Fail(When, Kind),
    Late(Late),
    Hang,
}

#[derive(Default)]
struct Plan {
    counted: u64,
    log: VecDeque<Verb>,
    rules: Vec<Rule>,
    latency: Duration,
    verb_latency: BTreeMap<Verb, Duration>,
    hung: bool,
    hung_hosts: BTreeSet<String>,
    hung_vms: BTreeSet<String>,
    /// How often everything that hung was let go on.
    unhung: u64,
    disconnected: bool,
    events: EventFault,
    held_back: Option<Change>,
}

/// The faults of one world; a cheap handle, clones share the plan.
#[derive(Clone)]
pub struct FaultPlan {
    plan: Arc<Mutex<Plan>>,
    /// Bumped when something hung may have come loose.
    loosened: Arc<watch::Sender<u64>>,
}

impl FaultPlan {
    pub(crate) fn new() -> Self {
        Self { plan: Arc::default(), loosened: Arc::new(watch::Sender::new(0)) }
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.lock());
        self.loosened.send_modify(|n| *n += 1);
    }

    /// How many calls with a number came since the beginning or since
    /// [`FaultPlan::reset`].
    pub fn count_calls(&self) -> u64 {
        self.lock().counted
    }

    /// The latest calls since then (at most 4096), looks among them, oldest first.
    pub fn calls(&self) -> Vec<Verb> {
        self.lock().log.iter().copied().collect()
    }

    /// Ends all faults and counts from 0 again.
    pub fn reset(&self) {
        self.set(|plan| *plan = Plan { unhung: plan.unhung + 1, ..Plan::default() });
    }

    /// Fails call number `number` (the next is `count_calls()`), once, with a
    /// kind of error that no retry cures.
    pub fn fail_call(&self, number: u64, when: When) {
        self.fail_call_as(number, when, when.lasting_kind());
    }

    /// Fails call number `number`, once, with this kind of error.
    pub fn fail_call_as(&self, number: u64, when: When, kind: Kind) {
        self.add(Aim::Number(number), 1, Strike::Fail(when, kind));
    }

    /// Fails the next `times` calls of this verb. A transient kind makes it the
    /// fault that retrying cures.
    pub fn fail_verb(&self, verb: Verb, times: u32, when: When, kind: Kind) {
        self.add(Aim::Verb(verb), times, Strike::Fail(when, kind));
    }

    /// Fails the next `times` calls, whatever they are.
    pub fn fail_next(&self, times: u32, when: When, kind: Kind) {
        self.add(Aim::Any, times, Strike::Fail(when, kind));
    }

    /// Lets the effect of call number `number` come late, if it has one.
    pub fn late_call(&self, number: u64, late: Late) {
        self.add(Aim::Number(number), 1, Strike::Late(late));
    }

    /// Lets the effect of the next call that changes anything come late.
    pub fn late_change(&self, late: Late) {
        self.add(Aim::Change, 1, Strike::Late(late));
    }

    /// Lets the effects of the next `times` calls of this verb come late.
    pub fn late_verb(&self, verb: Verb, times: u32, late: Late) {
        self.add(Aim::Verb(verb), times, Strike::Late(late));
    }

    /// Hangs call number `number`.
    pub fn hang_call(&self, number: u64) {
        self.add(Aim::Number(number), 1, Strike::Hang);
    }

    /// Hangs all calls of this verb from now on, once the first `passing` are
    /// through.
    pub fn hang_verb(&self, verb: Verb, passing: u32) {
        let (aim, left, strike) = (Aim::Verb(verb), u32::MAX, Strike::Hang);
        self.set(|plan| plan.rules.push(Rule { aim, passing, left, strike }));
    }

    fn add(&self, aim: Aim, left: u32, strike: Strike) {
        self.set(|plan| plan.rules.push(Rule { aim, passing: 0, left, strike }));
    }

    /// Lets every call take that long before it takes effect.
    pub fn set_latency(&self, latency: Duration) {
        self.set(|plan| plan.latency = latency);
    }

    /// Lets calls of this verb take that long instead.
    pub fn set_verb_latency(&self, verb: Verb, latency: Duration) {
        self.set(|plan| {
            plan.verb_latency.insert(verb, latency);
        });
    }

    /// Hangs the provider: no call is answered until [`FaultPlan::unhang`].
    pub fn hang(&self) {
        self.set(|plan| plan.hung = true);
    }

    /// Hangs one host: no call that is about it is answered, and the inventory
    /// lists it as unreachable.
    pub fn hang_host(&self, host_ref: &str) {
        self.set(|plan| {
            plan.hung_hosts.insert(host_ref.to_owned());
        });
    }

    /// Hangs one VM, given by external reference or name: no call on it is
    /// answered. The inventory still lists it, without what only it could tell.
    pub fn hang_vm(&self, vm: &str) {
        self.set(|plan| {
            plan.hung_vms.insert(vm.to_owned());
        });
    }

    /// Lets everything that hung go on; calls that still wait are answered.
    pub fn unhang(&self) {
        self.set(|plan| {
            plan.hung = false;
            plan.hung_hosts.clear();
            plan.hung_vms.clear();
            plan.rules.retain(|rule| !matches!(rule.strike, Strike::Hang));
            plan.unhung += 1;
        });
    }

    /// What befalls the events from now on.
    pub fn set_events(&self, fault: EventFault) {
        self.set(|plan| {
            plan.events = fault;
            plan.held_back = None;
        });
    }

    pub(crate) fn set_disconnected(&self, disconnected: bool) {
        self.set(|plan| plan.disconnected = disconnected);
    }

    pub(crate) fn is_host_hung(&self, host_ref: &str) -> bool {
        self.lock().hung_hosts.contains(host_ref)
    }

    pub(crate) fn is_vm_hung(&self, external_ref: &str, name: &str) -> bool {
        let plan = self.lock();
        plan.hung_vms.contains(external_ref) || plan.hung_vms.contains(name)
    }

    /// What becomes of an event on its way to those who watch.
    pub(crate) fn shape(&self, change: Change) -> Vec<Change> {
        let mut plan = self.lock();
        if plan.disconnected {
            return Vec::new();
        }
        match plan.events {
            EventFault::None => vec![change],
            EventFault::Drop => Vec::new(),
            EventFault::Duplicate => vec![change.clone(), change],
            EventFault::Reorder => match plan.held_back.take() {
                Some(earlier) => vec![change, earlier],
                None => {
                    plan.held_back = Some(change);
                    Vec::new()
                }
            },
        }
    }

    /// Counts a call and decides its fate.
    pub(crate) fn enter(&self, verb: Verb, place: Place) -> Call<'_> {
        let mut plan = self.lock();
        let number = (!verb.is_look()).then_some(plan.counted);
        plan.counted += u64::from(number.is_some());
        if plan.log.len() == LOG_MAX {
            plan.log.pop_front();
        }
        plan.log.push_back(verb);
        let strike = plan.rules.iter_mut().find_map(|rule| rule.strike(verb, number));
        plan.rules.retain(|rule| rule.left > 0);
        let latency = plan.verb_latency.get(&verb).copied().unwrap_or(plan.latency);
        let unhung = plan.unhung;
        drop(plan);
        Call { faults: self, verb, place, latency, strike, unhung }
    }
}

/// One call on its way.
pub(crate) struct Call<'a> {
    faults: &'a FaultPlan,
    verb: Verb,
    place: Place,
    latency: Duration,
    strike: Option<Strike>,
    /// How often everything that hung had been let go on when it came.
    unhung: u64,
}

impl Call<'_> {
    /// What is being done, for messages: `start "web"`.
    pub(crate) fn doing(&self) -> String {
        match &self.place.vm {
            Some(vm) => format!("{} {vm}", self.verb.as_str()),
            None => self.verb.as_str().to_owned(),
        }
    }

    /// The host it is about, where there is one.
    pub(crate) fn host(&self) -> Option<&str> {
        self.place.host.as_deref()
    }

    fn is_hung(&self) -> bool {
        let plan = self.faults.lock();
        plan.hung
            || (matches!(self.strike, Some(Strike::Hang)) && plan.unhung == self.unhung)
            || self.host().is_some_and(|host| plan.hung_hosts.contains(host))
            || self.place.vm.as_ref().is_some_and(|vm| {
                plan.hung_vms.contains(&vm.external_ref) || plan.hung_vms.contains(&vm.name)
            })
    }

    /// The way to the provider: takes its time, hangs, or fails.
    pub(crate) async fn arrive(&self) -> Result<()> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let mut loosened = self.faults.loosened.subscribe();
        while self.is_hung() {
            // The plan owns the sender and outlives the call.
            if loosened.changed().await.is_err() {
                break;
            }
        }
        if self.faults.lock().disconnected {
            let message = format!("{}: the simulated provider is disconnected", self.doing());
            return Err(Error::new(Kind::Unavailable, message));
        }
        self.strike_at(When::Before)
    }

    /// The middle of a call that has one.
    pub(crate) fn midway(&self) -> Result<()> {
        self.strike_at(When::Midway)
    }

    /// The way back: the answer arrives or is lost.
    pub(crate) fn answer<T>(&self, value: T) -> Result<T> {
        self.strike_at(When::Midway)?;
        self.strike_at(When::After)?;
        Ok(value)
    }

    /// Whether the effect comes late, and how.
    pub(crate) fn late(&self) -> Option<Late> {
        match self.strike {
            Some(Strike::Late(late)) => Some(late),
            Some(Strike::Fail(..) | Strike::Hang) | None => None,
        }
    }

    /// What the caller of such a call gets.
    pub(crate) async fn give_up<T>(&self, late: Late) -> Result<T> {
        match late.answer {
            Some(kind) => Err(self.fault(When::After, kind)),
            None => std::future::pending().await,
        }
    }

    fn strike_at(&self, point: When) -> Result<()> {
        match self.strike {
            Some(Strike::Fail(when, kind)) if when == point => Err(self.fault(when, kind)),
            _ => Ok(()),
        }
    }

    fn fault(&self, when: When, kind: Kind) -> Error {
        let doing = self.doing();
        match when {
            When::Before => Error::new(kind, format!("{doing}: simulated fault")),
            When::Midway | When::After => {
                Error::new(kind, format!("{doing}: simulated fault, the answer is lost"))
                    .with_unknown_effect()
            }
        }
    }
}
