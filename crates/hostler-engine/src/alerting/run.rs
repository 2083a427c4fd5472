//! The loops: one for each group of rules, one that plans, one for each receiver.
//! A new configuration ends them and begins others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, warn};

use super::decide::{self, Draft};
use super::evaluate::{self, Written};
use super::known::Tracked;
use super::rules::{self, Group};
use super::{AlertingConfig, deliver, record, tell};
use crate::Inner;
use crate::collect::Handover;

/// Groups begin within this time, each at another moment.
const SPREAD: Duration = Duration::from_secs(10);

/// Starts what works until the engine stops.
pub(crate) fn start(engine: &Arc<Inner>) {
    engine.supervise("alerting", run);
}

async fn run(engine: Arc<Inner>) {
    let mut configured = engine.alerting.configured.subscribe();
    loop {
        if *configured.borrow_and_update() > 0 {
            let mut loops = begin(&engine).await;
            tokio::select! {
                changed = configured.changed() => if changed.is_err() { return },
                ended = loops.join_next() => {
                    // None ends by itself: it failed, and all begin anew.
                    warn!(?ended, "a part of alerting failed; all of it begins anew");
                    tokio::time::sleep(engine.pace.silent).await;
                }
            }
            loops.shutdown().await;
        } else if configured.changed().await.is_err() {
            return;
        }
    }
}

async fn begin(engine: &Arc<Inner>) -> JoinSet<()> {
    if let Err(error) = deliver::clear(engine).await {
        warn!(%error, "notices of receivers that are gone still wait");
    }
    let (groups, config) = {
        let known = engine.alerting.known();
        (known.groups_of_rules.clone(), Arc::clone(&known.config))
    };
    let mut loops = JoinSet::new();
    if engine.history.is_some() {
        for group in groups {
            loops.spawn(watch(engine.clone(), group));
        }
    } else if !groups.is_empty() {
        error!("no alert can fire: rules are evaluated over the history, and none is kept");
    }
    loops.spawn(tell::run(engine.clone()));
    for (name, receiver) in &config.receivers {
        loops.spawn(deliver::run(engine.clone(), name.clone(), receiver.clone()));
    }
    loops
}

/// Evaluates a group at its pace. Where that takes longer, evaluations are left out,
/// and the time between counts at most as one interval.
async fn watch(engine: Arc<Inner>, group: Arc<Group>) {
    let interval = group.interval.duration();
    let mut tick = tokio::time::interval_at(Instant::now() + lag(&group), interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        evaluate_group(&engine, &group).await;
    }
}

/// Not all groups at once, and each always at the same moment of its interval.
fn lag(group: &Group) -> Duration {
    let text = group.source.bytes().chain(group.name.bytes());
    let sum = text.fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    group.interval.duration().min(SPREAD).mul_f64(f64::from(sum % 1000) / 1000.0)
}

async fn evaluate_group(engine: &Arc<Inner>, group: &Arc<Group>) {
    let Some(archive) = engine.history.clone() else { return };
    let Ok(turn) = engine.alerting.evaluating.clone().acquire_owned().await else { return };
    let now = engine.clock.now();
    let serving = (engine.clone(), group.clone());
    // To its end, whatever happens to this loop: what was evaluated is decided, what
    // was written is known.
    let whole = engine.tasks.spawn(async move {
        let (engine, group) = serving;
        let (of_group, asked, serving) = (group.clone(), archive.clone(), engine.clone());
        let mut written = engine.alerting.take_written(&of_group);
        let outcomes = tokio::task::spawn_blocking(move || {
            let outcomes = evaluate::group(&of_group, (&serving, &asked), now, &mut written);
            (outcomes, written)
        });
        let (outcomes, mut written) = match outcomes.await {
            Ok(done) => done,
            Err(panic) => {
                error!(group = group.name, %panic, "a group of rules could not be evaluated");
                let evaluations = &engine.alerting.evaluations;
                group.rules.iter().for_each(|_| evaluations.count(false, Duration::ZERO));
                return;
            }
        };
        let present = decide::evaluated(engine.clone(), outcomes, now).await;
        let serving = engine.clone();
        let told = tokio::task::spawn_blocking(move || {
            for (rule, instances) in present.unwrap_or_default() {
                let key = format!("ALERTS {rule}");
                let before = written.remove(&key).unwrap_or_default();
                if instances.is_empty() && before.is_empty() {
                    continue;
                }
                let (done, keys) = record::alerts((&serving, &archive), &instances, now, before);
                if let Err(why) = done {
                    warn!(why, "alerts are not in the history");
                }
                if !keys.is_empty() {
                    written.insert(key, keys);
                }
            }
            written
        });
        if let Ok(written) = told.await {
            engine.alerting.keep_written(written);
        }
        drop(turn);
    });
    let _ = whole.await;
}

/// Evaluates all groups once, in order, and plans.
pub(super) async fn evaluate_now(engine: &Arc<Inner>) {
    let groups = engine.alerting.known().groups_of_rules.clone();
    for group in groups {
        evaluate_group(engine, &group).await;
    }
    tell::once(engine).await;
}

/// Takes over a configuration.
pub(super) async fn configure(engine: &Arc<Inner>, config: AlertingConfig) -> Result<()> {
    let groups = rules::ready(&config.rules);
    let recorded = Arc::new(rules::recorded(&groups));
    let alerting = &engine.alerting;
    // Before anything is decided: what waits for others' turns comes first.
    let handover = Handover::begin(engine, &recorded).await?;
    let _one_at_a_time = alerting.deciding.lock().await;
    let (draft, tracked) = {
        let known = alerting.known();
        let mut tracked: BTreeMap<String, Tracked> = BTreeMap::new();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            let before = known.rules.get(&rule.id).cloned().unwrap_or_default();
            let rule = Some(Arc::clone(rule));
            let id = rule.as_ref().map(|rule| rule.id.clone()).unwrap_or_default();
            tracked.insert(id, Tracked { rule, ..before });
        }
        let mut draft = Draft::default();
        let now = engine.clock.now();
        for (id, gone) in known.rules.iter().filter(|(id, _)| !tracked.contains_key(*id)) {
            draft.remove(&known, id, &gone.state, now);
        }
        (draft, tracked)
    };
    decide::store(engine, &draft).await?;
    {
        let mut known = alerting.known_mut();
        known.take_over(&draft.effects);
        (known.rules, known.groups_of_rules, known.recorded) = (tracked, groups, recorded);
        known.deliveries.retain(|name, _| config.receivers.contains_key(name));
        known.config = Arc::new(config);
    }
    handover.done(engine);
    alerting.configured.send_modify(|count| *count += 1);
    Ok(())
}

impl super::Alerting {
    /// Takes what the rules of a group wrote last.
    fn take_written(&self, group: &Group) -> Written {
        let mut all = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ids = group.rules.iter().flat_map(|it| [it.id.clone(), format!("ALERTS {}", it.id)]);
        ids.filter_map(|id| all.remove_entry(&id)).collect()
    }

    fn keep_written(&self, written: Written) {
        let mut all = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.extend(written);
    }
}
