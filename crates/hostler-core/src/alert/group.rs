//! What is sent when: alerts of one group go out together, changes wait for each
//! other, and what was told is told again only after a long time.
//!
//! ```text
//!  nothing ──something new──► gathering ──group_wait, and group_interval ──► send
//!  to tell                        │          since the last notice            │
//!     ▲                           └──new alerts ended before it was sent──► nothing
//!     └───────────────────────────────────────────────────────────────────────┘
//!  told, still fires, not acknowledged ──repeat_interval──► send again
//! ```
//!
//! Two rules beyond Alertmanager's. What was told to fire is told to be over,
//! also when it was silenced meanwhile: a receiver must not hold an incident open
//! for ever. And after a quiet time the first change waits for others as well.
//!
//! A plan becomes true when its notice is in the outbox, in one transaction with
//! the state that [`sent`] gives: a notice may be delivered twice, with the same
//! [`Notice::id`], and none is lost.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Identity, LabelSet, Period};
use crate::clock::Timestamp;

/// When the alerts of a group are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a change waits for others.
    pub group_wait: Period,
    /// The least time between two notices.
    pub group_interval: Period,
    /// After what time the same is told again.
    pub repeat_interval: Period,
}

impl Default for Timing {
    /// As Alertmanager's: 30s, 5m, 4h.
    fn default() -> Self {
        Self {
            group_wait: Period::seconds(30),
            group_interval: Period::seconds(300),
            repeat_interval: Period::seconds(4 * 3600),
        }
    }
}

/// Which group: one receiver, one place in the tree of routes, one set of labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// Who is told.
    pub receiver: String,
    /// The matchers of the route and of those above it.
    pub route: String,
    /// The labels that all alerts of the group share.
    pub labels: LabelSet,
}

/// One line, the same for ever for the same group: what a receiver that opens
/// incidents has to go by (PagerDuty's `dedup_key`, after hashing).
impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.receiver, self.route, Identity::of(&self.labels).as_str())
    }
}

/// What is known of a group. Stored; the default is a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// Since when there is something to tell that was not sent.
    #[serde(default)]
    pub pending_since: Option<Timestamp>,
    /// When the last notice went out.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// What the receiver believes to fire.
    #[serde(default)]
    pub told: BTreeSet<Identity>,
    /// How many notices went out.
    #[serde(default)]
    pub sequence: u64,
}

impl GroupState {
    /// Whether it can be forgotten once no alert of it fires: the receiver
    /// believes nothing.
    pub fn is_settled(&self) -> bool {
        self.told.is_empty()
    }
}

/// An alert of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAlert {
    /// Which.
    pub alert: Identity,
    /// Whether it fires; if not, it is over. One that is over has to be given
    /// until no group's [`GroupState::told`] holds it.
    pub is_firing: bool,
    /// Whether it is silenced or inhibited.
    pub is_muted: bool,
    /// Whether somebody cares for it.
    pub is_acknowledged: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, until an alert changes.
    Idle,
    /// Nothing before then, if nothing changes.
    Wait {
        /// When to plan again.
        until: Timestamp,
    },
    /// To send this now.
    Send(Notice),
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same when the same notice is delivered again, and of no other: who
    /// receives it can go by it.
    pub id: String,
    /// Why now.
    pub why: Why,
    /// What fires.
    pub firing: Vec<Identity>,
    /// What was told to fire and is over.
    pub resolved: Vec<Identity>,
}

/// Why something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something fires that was not told.
    New,
    /// Something told is over, and nothing is new.
    Resolved,
    /// It still fires and nobody cares for it.
    Repeat,
}

/// What to do about a group now, and what is known of it from now on. Each alert
/// comes once.
pub fn plan(
    key: &GroupKey,
    state: GroupState,
    alerts: &[GroupAlert],
    timing: Timing,
    now: Timestamp,
) -> (GroupState, Plan) {
    let mut state = state;
    // A clock that went back must not hold a notice for hours, nor send at once
    // all that it seems to have missed: what lies in the future is now.
    state.sent_at = state.sent_at.map(|at| at.min(now));
    state.pending_since = state.pending_since.map(|at| at.min(now));

    let tellable = || alerts.iter().filter(|one| one.is_firing && !one.is_muted);
    let is_told = |one: &&GroupAlert| state.told.contains(&one.alert);
    let names = |some: Vec<&GroupAlert>| some.iter().map(|one| one.alert.clone()).collect();
    let over: Vec<&GroupAlert> =
        alerts.iter().filter(|one| !one.is_firing).filter(is_told).collect();
    let is_new = tellable().any(|one| !is_told(&one));

    if is_new || !over.is_empty() {
        let since = *state.pending_since.get_or_insert(now);
        let gathered = since.plus(timing.group_wait.duration());
        let spaced = state.sent_at.map(|at| at.plus(timing.group_interval.duration()));
        let until = spaced.map_or(gathered, |spaced| spaced.max(gathered));
        if now < until {
            return (state, Plan::Wait { until });
        }
        let why = if is_new { Why::New } else { Why::Resolved };
        let (firing, resolved) = (names(tellable().collect()), names(over));
        let notice = Notice { id: id(key, &state), why, firing, resolved };
        return (state, Plan::Send(notice));
    }
    state.pending_since = None;
    let cared_for_by_nobody: Vec<&GroupAlert> =
        tellable().filter(|one| !one.is_acknowledged).collect();
    let (Some(sent_at), false) = (state.sent_at, cared_for_by_nobody.is_empty()) else {
        return (state, Plan::Idle);
    };
    let pause = timing.repeat_interval.max(timing.group_interval);
    let until = sent_at.plus(pause.duration());
    if now < until {
        return (state, Plan::Wait { until });
    }
    let firing = names(cared_for_by_nobody);
    let notice = Notice { id: id(key, &state), why: Why::Repeat, firing, resolved: Vec::new() };
    (state, Plan::Send(notice))
}

/// What is known of the group when the notice is in the outbox.
pub fn sent(state: GroupState, notice: &Notice, now: Timestamp) -> GroupState {
    let mut told = state.told;
    told.extend(notice.firing.iter().cloned());
    for alert in &notice.resolved {
        told.remove(alert);
    }
    let sequence = state.sequence.saturating_add(1);
    GroupState { pending_since: None, sent_at: Some(now), told, sequence }
}

fn id(key: &GroupKey, state: &GroupState) -> String {
    format!("{key}#{}", state.sequence)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::tests_support::set;

    const TIMING: Timing = Timing {
        group_wait: Period::seconds(30),
        group_interval: Period::seconds(300),
        repeat_interval: Period::seconds(3600),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((1_000_000 + seconds) * 1000)
    }

    fn key() -> GroupKey {
        let labels = set(&[("host", "h1")]);
        GroupKey { receiver: "ops".into(), route: "{}".into(), labels }
    }

    fn name(name: &str) -> Identity {
        Identity::of(&set(&[("alertname", name)]))
    }

    fn firing(of: &str) -> GroupAlert {
        let alert = name(of);
        GroupAlert { alert, is_firing: true, is_muted: false, is_acknowledged: false }
    }

    fn over(of: &str) -> GroupAlert {
        GroupAlert { is_firing: false, ..firing(of) }
    }

    /// A group that lives: plans, and sends what is planned.
    #[derive(Default)]
    struct Life(GroupState);

    impl Life {
        fn plan(&mut self, seconds: i64, alerts: &[GroupAlert]) -> Plan {
            let state = std::mem::take(&mut self.0);
            let (state, plan) = plan(&key(), state, alerts, TIMING, at(seconds));
            self.0 = match &plan {
                Plan::Send(notice) => sent(state, notice, at(seconds)),
                Plan::Idle | Plan::Wait { .. } => state,
            };
            // Stored and read back each time.
            let text = serde_json::to_string(&self.0).unwrap();
            self.0 = serde_json::from_str(&text).unwrap();
            plan
        }

        fn sends(&mut self, seconds: i64, alerts: &[GroupAlert]) -> Notice {
            match self.plan(seconds, alerts) {
                Plan::Send(notice) => notice,
                other => panic!("at {seconds}: {other:?}"),
            }
        }

        fn waits(&mut self, seconds: i64, alerts: &[GroupAlert], until: i64) {
            assert_eq!(self.plan(seconds, alerts), Plan::Wait { until: at(until) });
        }
    }

    #[test]
    fn alerts_of_a_group_wait_for_each_other_and_go_out_together() {
        let mut life = Life::default();
        assert_eq!(life.plan(0, &[]), Plan::Idle);
        life.waits(0, &[firing("a")], 30);
        life.waits(20, &[firing("a"), firing("b")], 30);
        let notice = life.sends(30, &[firing("a"), firing("b")]);
        assert_eq!((notice.why, notice.firing), (Why::New, vec![name("a"), name("b")]));
        assert_eq!(notice.id, "ops:{}:{host=\"h1\"}#0");
        // A new one waits for the interval, and takes with it what is over by then.
        life.waits(40, &[firing("a"), firing("b"), firing("c")], 330);
        let notice = life.sends(330, &[over("a"), firing("b"), firing("c")]);
        assert_eq!(notice.firing, [name("b"), name("c")]);
        assert_eq!(notice.resolved, [name("a")]);
        assert_eq!(notice.id, "ops:{}:{host=\"h1\"}#1");
        // Told once.
        life.waits(331, &[over("a"), firing("b"), firing("c")], 330 + 3600);
    }

    #[test]
    fn after_a_quiet_time_a_change_still_waits_for_others() {
        let mut life = Life::default();
        life.plan(0, &[firing("a")]);
        life.sends(30, &[firing("a")]);
        life.waits(2000, &[firing("a"), firing("b")], 2030);
        assert_eq!(life.sends(2030, &[firing("a"), firing("b")]).firing.len(), 2);
    }

    #[test]
    fn what_ended_before_anybody_was_told_is_not_told() {
        let mut life = Life::default();
        life.waits(0, &[firing("a")], 30);
        assert_eq!(life.plan(30, &[over("a")]), Plan::Idle);
        life.waits(40, &[firing("a")], 70);
    }

    #[test]
    fn the_same_is_told_again_after_long_and_not_when_somebody_cares() {
        let mut life = Life::default();
        life.plan(0, &[firing("a")]);
        life.sends(30, &[firing("a")]);
        life.waits(3000, &[firing("a")], 3630);
        assert_eq!(life.sends(3630, &[firing("a")]).why, Why::Repeat);
        let cared = GroupAlert { is_acknowledged: true, ..firing("a") };
        assert_eq!(life.plan(9000, std::slice::from_ref(&cared)), Plan::Idle);
        // Another one is new: the one cared for is told with it, and not repeated.
        life.plan(9000, &[cared.clone(), firing("b")]);
        assert_eq!(life.sends(9030, &[cared.clone(), firing("b")]).firing.len(), 2);
        assert_eq!(life.sends(13_000, &[cared, firing("b")]).firing, [name("b")]);
        // That it is over is told.
        life.plan(14_000, &[over("a"), firing("b")]);
        let notice = life.sends(14_030, &[over("a"), firing("b")]);
        assert_eq!((notice.why, notice.resolved), (Why::Resolved, vec![name("a")]));
    }

    #[test]
    fn what_is_silenced_is_not_told_and_what_was_told_is_told_to_be_over() {
        let muted = |of: &str| GroupAlert { is_muted: true, ..firing(of) };
        let mut life = Life::default();
        assert_eq!(life.plan(0, &[muted("a")]), Plan::Idle);
        life.plan(100, &[firing("b"), muted("a")]);
        assert_eq!(life.sends(130, &[firing("b"), muted("a")]).firing, [name("b")]);
        assert_eq!(life.plan(10_000, &[muted("b"), muted("a")]), Plan::Idle);
        let ended = [GroupAlert { is_muted: true, ..over("b") }, over("a")];
        life.plan(10_100, &ended);
        assert_eq!(life.sends(10_130, &ended).resolved, [name("b")], "nobody was told of a");
        assert!(life.0.is_settled());
    }

    #[test]
    fn a_clock_that_goes_back_neither_floods_nor_silences() {
        let mut life = Life::default();
        life.plan(100_000, &[firing("a")]);
        life.sends(100_030, &[firing("a")]);
        // Two days back: the last notice counts as of now.
        life.waits(-70_000, &[firing("a")], -70_000 + 3600);
        life.waits(-70_000, &[firing("a"), firing("b")], -70_000 + 300);
        assert_eq!(life.sends(-69_700, &[firing("a"), firing("b")]).why, Why::New);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_alert_is_told_in_turn_and_never_too_often(
            life in proptest::collection::vec(
                (1_i64..200, proptest::collection::vec((0_u8..3, any::<bool>()), 4)), 1..150),
        ) {
            let mut group = Life::default();
            let mut clock = 0;
            let mut believed: BTreeSet<Identity> = BTreeSet::new();
            let (mut last_sent, mut ids) = (None::<i64>, BTreeSet::new());
            let mut alerts = Vec::new();
            for (moved, kinds) in life {
                clock += moved;
                alerts = kinds.iter().enumerate().map(|(at, (kind, is_acknowledged))| {
                    let alert = name(&at.to_string());
                    GroupAlert {
                        alert,
                        is_firing: *kind != 0,
                        is_muted: *kind == 2,
                        is_acknowledged: *is_acknowledged,
                    }
                }).collect();
                if let Plan::Send(notice) = group.plan(clock, &alerts) {
                    prop_assert!(ids.insert(notice.id.clone()), "an id came twice");
                    prop_assert!(last_sent.is_none_or(|last| clock - last >= 300));
                    last_sent = Some(clock);
                    let find = |of: &Identity| alerts.iter().find(|one| one.alert == *of).unwrap();
                    for told in &notice.firing {
                        prop_assert!(find(told).is_firing && !find(told).is_muted);
                    }
                    if notice.why == Why::Repeat {
                        prop_assert!(notice.firing.iter().all(|of| !find(of).is_acknowledged));
                    }
                    for told in &notice.resolved {
                        prop_assert!(!find(told).is_firing);
                        prop_assert!(believed.remove(told), "over, but never told to fire");
                    }
                    believed.extend(notice.firing);
                    prop_assert_eq!(&believed, &group.0.told);
                }
            }
            // When nothing changes any more, what is believed becomes the truth.
            for _ in 0..3 {
                clock += 400;
                group.plan(clock, &alerts);
            }
            for alert in &alerts {
                let is_told = group.0.told.contains(&alert.alert);
                prop_assert!(alert.is_muted || is_told == alert.is_firing, "{alert:?}");
            }
        }
    }
}
