//! Who is told about what, and when: alerts go through silences, inhibition and
//! routes into groups, and what a group has to tell goes into the outbox.
//!
//! ```text
//!  alerts ──► silenced? inhibited? acknowledged? ──► routes ──► groups ──► plan
//!                                                                           │ send
//!                           group's state and notice, in one transaction ◄──┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::alert::Identity;
use hostler_core::alert::group::{
    GroupAlert, GroupKey, GroupState, Notice as Planned, Plan, Timing, plan, sent,
};
use hostler_core::alert::notice::{ALERTS_MAX, Notice, NoticeAlert, Status};
use hostler_core::alert::silence::SilenceState;
use hostler_core::alert::state::Instance;
use hostler_store::AlertEffect;
use tracing::{error, warn};

use super::known::{Known, Present};
use super::{deliver, id_of};
use crate::Inner;

/// How many of those at most.
const SILENCES_KEEP_MAX: usize = 5000;

/// The longest time between two looks, so that no clock that jumps and no silence
/// that begins or ends is missed for long.
const LOOK: Duration = Duration::from_secs(5);
/// How long a silence that is over is kept as a record.
const SILENCES_KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

/// Works until the configuration changes or the engine stops.
pub(super) async fn run(engine: Arc<Inner>) {
    loop {
        let until = once(&engine).await;
        let pause = until.map_or(LOOK, |until| until.since(engine.clock.now()).min(LOOK));
        tokio::select! {
            () = engine.alerting.changed.notified() => {}
            // A little later than due rather than a little too early, twice.
            () = tokio::time::sleep(pause + Duration::from_millis(1)) => {}
        }
    }
}

/// Puts into the outbox what is to be told now; when to look again, if nothing changes.
pub(super) async fn once(engine: &Arc<Inner>) -> Option<Timestamp> {
    let serving = engine.clone();
    // To its end, also when the configuration changes meanwhile.
    let done = engine.tasks.spawn(async move { decide(&serving).await }).await;
    done.unwrap_or_default()
}

async fn decide(engine: &Arc<Inner>) -> Option<Timestamp> {
    let alerting = &engine.alerting;
    let _one_at_a_time = alerting.deciding.lock().await;
    // Without one nothing is evaluated, and nobody knows whether what fired still does.
    engine.history.as_ref()?;
    let told = Told::of(&alerting.known(), engine.clock.now());
    if told.effects.is_empty() {
        return told.until;
    }
    match engine.store.write_alerts(&told.effects, &[]).await {
        Ok(lost) => {
            alerting.known_mut().take_over(&told.effects);
            if told.effects.iter().any(|it| matches!(it, AlertEffect::Send(_))) {
                alerting.sent.send_modify(|count| *count += 1);
            }
            for notice in lost {
                error!(receiver = notice.receiver, id = notice.id, "too many notices wait");
                deliver::lost(engine, &notice, "too many notices waited for the receiver").await;
            }
            told.until
        }
        Err(error) => {
            warn!(%error, "notices of alerts cannot be stored; this is tried again");
            None
        }
    }
}

/// What comes of one look.
#[derive(Default)]
struct Told {
    effects: Vec<AlertEffect>,
    until: Option<Timestamp>,
}

/// The alerts of a group, and when it is sent.
#[derive(Default)]
struct Members {
    timing: Timing,
    alerts: Vec<GroupAlert>,
}

impl Told {
    fn of(known: &Known, now: Timestamp) -> Self {
        let mut told = Self::default();
        told.forget_silences(known, now);
        let alerts = known.alerts();
        let mut believed: BTreeSet<Identity> = BTreeSet::new();
        for (key, members) in groups(known, &alerts, now) {
            let state = known.groups.get(&key).cloned();
            if !known.config.receivers.contains_key(&key.receiver) {
                // Nobody is there to be told that anything is over.
                told.effects.extend(state.map(|_| AlertEffect::DropGroup(key)));
                continue;
            }
            let after = told.plan(known, &alerts, &key, state.clone(), &members, now);
            believed.extend(after.told.iter().cloned());
            let is_quiet = after.is_settled() && !members.alerts.iter().any(|it| it.is_firing);
            if is_quiet {
                told.effects.extend(state.map(|_| AlertEffect::DropGroup(key)));
            } else if state.as_ref() != Some(&after) {
                told.effects.push(AlertEffect::PutGroup(key, after));
            }
        }
        let over = known.ended.keys().filter(|alert| !believed.contains(alert));
        told.effects.extend(over.cloned().map(AlertEffect::EndedTold));
        told
    }

    /// Plans a group, and takes the notice where there is one.
    fn plan(
        &mut self,
        known: &Known,
        alerts: &BTreeMap<Identity, Present<'_>>,
        key: &GroupKey,
        state: Option<GroupState>,
        members: &Members,
        now: Timestamp,
    ) -> GroupState {
        // A group that was forgotten must not number its notices as it did before:
        // receivers that go by their ids would take new ones for old.
        let first = || u64::try_from(now.as_millis()).unwrap_or_default();
        let state = state.unwrap_or_else(|| GroupState { sequence: first(), ..Default::default() });
        let (state, plan) = plan(key, state, &members.alerts, members.timing, now);
        match plan {
            Plan::Idle => state,
            Plan::Wait { until } => {
                self.until = Some(self.until.map_or(until, |before| before.min(until)));
                state
            }
            Plan::Send(planned) => {
                let notice = notice(known, alerts, key, &planned, now);
                if !notice.alerts.is_empty() {
                    self.effects.push(AlertEffect::Send(Box::new(notice)));
                }
                sent(state, &planned, now)
            }
        }
    }

    fn forget_silences(&mut self, known: &Known, now: Timestamp) {
        let over = known.silences.iter().filter(|(_, it)| it.state(now) == SilenceState::Expired);
        let mut over: Vec<_> = over.map(|(id, silence)| (silence.ends_at, *id)).collect();
        // The oldest first, should there be more than are kept.
        over.sort_unstable();
        let too_many = over.len().saturating_sub(SILENCES_KEEP_MAX);
        for (place, (ended_at, id)) in over.into_iter().enumerate() {
            if place < too_many || now.since(ended_at) > SILENCES_KEEP {
                self.effects.push(AlertEffect::DropSilence(id));
            }
        }
    }
}

/// The groups to look at: those of alerts that fire, and those whose receiver believes
/// that something does.
fn groups(
    known: &Known,
    alerts: &BTreeMap<Identity, Present<'_>>,
    now: Timestamp,
) -> BTreeMap<GroupKey, Members> {
    let mut groups: BTreeMap<GroupKey, Members> = BTreeMap::new();
    let inhibitor = known.inhibitor(alerts);
    let routes = known.config.routes.as_ref();
    for (alert, Present { instance, .. }) in alerts.iter().filter(|(_, it)| it.instance.is_firing())
    {
        let Some(routes) = routes else { break };
        let is_muted = !known.silences_of(instance, now).is_empty()
            || inhibitor.by(&instance.labels).is_some();
        let is_acknowledged = known.acknowledged(alert, instance).is_some();
        let alert = GroupAlert { alert: alert.clone(), is_firing: true, is_muted, is_acknowledged };
        for destination in routes.destinations(&instance.labels) {
            let members = groups.entry(destination.group).or_default();
            members.timing = destination.timing;
            members.alerts.push(alert.clone());
        }
    }
    for (key, state) in &known.groups {
        let members = groups.entry(key.clone()).or_default();
        let firing: BTreeSet<_> = members.alerts.iter().map(|it| it.alert.clone()).collect();
        for alert in state.told.iter().filter(|alert| !firing.contains(alert)) {
            if let (true, Some(ended)) = (firing.is_empty(), known.ended.get(alert)) {
                let places = routes.map(|it| it.destinations(&ended.instance.labels));
                let mut places = places.unwrap_or_default().into_iter();
                members.timing =
                    places.find(|it| it.group == *key).map_or(members.timing, |it| it.timing);
            }
            // Also one that goes elsewhere since routes were changed: here it is over.
            members.alerts.push(GroupAlert {
                alert: alert.clone(),
                is_firing: false,
                is_muted: false,
                is_acknowledged: false,
            });
        }
    }
    groups
}

/// What was planned, with all that a receiver needs to read.
fn notice(
    known: &Known,
    alerts: &BTreeMap<Identity, Present<'_>>,
    key: &GroupKey,
    planned: &Planned,
    now: Timestamp,
) -> Notice {
    let server_url = known.config.server_url.clone();
    let tell = |alert: &Identity, instance: &Instance, ends_at: Option<Timestamp>| {
        told_alert(server_url.as_deref(), alert, instance, ends_at)
    };
    let firing = planned.firing.iter().filter_map(|alert| {
        let present = alerts.get(alert)?;
        Some(tell(alert, present.instance, None))
    });
    let resolved = planned.resolved.iter().filter_map(|alert| match known.ended.get(alert) {
        Some(ended) => Some(tell(alert, &ended.instance, Some(ended.ended_at))),
        // It fires, and is told elsewhere.
        None => alerts.get(alert).map(|present| tell(alert, present.instance, Some(now))),
    });
    let (mut firing, mut resolved): (Vec<_>, Vec<_>) = (firing.collect(), resolved.collect());
    let more_firing = cut(&mut firing, ALERTS_MAX);
    let more_resolved = cut(&mut resolved, ALERTS_MAX - firing.len());
    let status = if firing.is_empty() { Status::Resolved } else { Status::Firing };
    firing.extend(resolved);
    Notice {
        id: planned.id.clone(),
        group_key: key.to_string(),
        receiver: key.receiver.clone(),
        status,
        why: planned.why,
        made_at: now,
        group_labels: key.labels.clone(),
        alerts: firing,
        more_firing,
        more_resolved,
        server_url: server_url.clone(),
    }
}

fn told_alert(
    server_url: Option<&str>,
    alert: &Identity,
    instance: &Instance,
    ends_at: Option<Timestamp>,
) -> NoticeAlert {
    let id = id_of(alert);
    let link = server_url.map(|url| format!("{url}/alerts/{id}"));
    NoticeAlert {
        id,
        status: if ends_at.is_some() { Status::Resolved } else { Status::Firing },
        labels: instance.labels.clone(),
        annotations: instance.annotations.clone(),
        value: instance.value,
        starts_at: instance.firing_since.unwrap_or(instance.active_since),
        ends_at,
        link,
    }
}

/// What a receiver was told to fire, and what still does.
pub(super) fn believed(known: &Known, receiver: &str) -> Vec<NoticeAlert> {
    let groups = known.groups.iter().filter(|(key, _)| key.receiver == receiver);
    let told: BTreeSet<&Identity> = groups.flat_map(|(_, state)| &state.told).collect();
    let server_url = known.config.server_url.as_deref();
    let alerts = known.alerts();
    let firing =
        alerts.iter().filter(|(alert, it)| told.contains(alert) && it.instance.is_firing());
    firing.map(|(alert, it)| told_alert(server_url, alert, it.instance, None)).collect()
}

/// Cuts to so many; tells how many went.
fn cut<T>(some: &mut Vec<T>, most: usize) -> usize {
    let more = some.len().saturating_sub(most);
    some.truncate(most);
    more
}
