//! What an evaluation means for alerts: decided by the core, stored with what is
//! told of it, and only then known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostler_core::Timestamp;
use hostler_core::alert::rule::{AlertRule, CheckedRule};
use hostler_core::alert::state::{
    Cause, Change, Data, Health, Instance, RuleState, Transition, failed, removed, step,
};
use hostler_core::alert::{ALERT_NAME, Identity, LabelSet};
use hostler_core::id::VmId;
use hostler_store::{AlertChange, AlertEffect, ChangeTold, EndedAlert, NewAlertChange, NewEvent};
use serde_json::json;
use tracing::warn;

use super::evaluate::{Answered, Outcome};
use super::id_of;
use super::known::{Evaluated, Known};
use crate::fleet::snapshot::Snapshot;
use crate::{Inner, ProviderState};

/// What is to be stored and then known.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) effects: Vec<AlertEffect>,
    pub(super) events: Vec<NewEvent>,
    states: Vec<(String, RuleState, Evaluated)>,
}

/// The alerts of a rule after an evaluation.
pub(super) type Present = (String, Vec<Instance>);

/// Takes over what rules said; gives the alerts of each, `None` when that could not
/// be stored and so has not happened.
pub(super) async fn evaluated(
    engine: Arc<Inner>,
    outcomes: Vec<Outcome>,
    now: Timestamp,
) -> Option<Vec<Present>> {
    let alerting = &engine.alerting;
    let _one_at_a_time = alerting.deciding.lock().await;
    let draft = {
        let fleet = Fleet { snapshot: engine.fleet.snapshot(), machines: engine.machines.names() };
        draft(&alerting.known(), &fleet, outcomes, now)
    };
    let stored = store(&engine, &draft).await;
    for (_, state, last) in &draft.states {
        alerting.evaluations.count(stored.is_ok() && state.health == Health::Ok, last.took);
    }
    if let Err(error) = stored {
        warn!(%error, "what rules said of alerts cannot be stored; they are asked again");
        return None;
    }
    let mut known = alerting.known_mut();
    known.take_over(&draft.effects);
    let mut present = Vec::with_capacity(draft.states.len());
    for (rule, state, last) in draft.states {
        if let Some(tracked) = known.rules.get_mut(&rule) {
            present.push((rule, state.instances.clone()));
            (tracked.state, tracked.last) = (state, Some(last));
        }
    }
    Some(present)
}

/// Stores what was decided and has it told.
pub(super) async fn store(engine: &Inner, draft: &Draft) -> Result<(), hostler_store::Error> {
    if !draft.effects.is_empty() || !draft.events.is_empty() {
        engine.store.write_alerts(&draft.effects, &draft.events).await?;
    }
    if !draft.events.is_empty() {
        engine.bus.poke();
        engine.alerting.changed.notify_one();
    }
    Ok(())
}

/// Who may be measured at all, by which an alert of a thing that is gone is known.
struct Fleet {
    snapshot: Arc<Snapshot>,
    /// The names of machines that are measured from within.
    machines: BTreeSet<String>,
}

fn draft(known: &Known, fleet: &Fleet, outcomes: Vec<Outcome>, now: Timestamp) -> Draft {
    let mut draft = Draft::default();
    for Outcome { rule, took, answer } in outcomes {
        // What was configured meanwhile says something else.
        let tracked = known.rules.get(&rule.id);
        let same = |it: &&super::known::Tracked| {
            it.rule.as_ref().is_some_and(|present| Arc::ptr_eq(present, &rule))
        };
        let Some(tracked) = tracked.filter(same) else { continue };
        let before = &tracked.state;
        let mut last = Evaluated { took, ..Evaluated::default() };
        if let Ok(answered) = &answer {
            last.is_blind = is_blind(answered);
            last.written = answered.written;
        }
        let (after, transitions) = match (&rule.rule, &answer) {
            (_, Err(why)) => (failed(before.clone(), why, now), Vec::new()),
            (CheckedRule::Alert(alert), Ok(answered)) => {
                stepped(before.clone(), alert, answered, fleet, now)
            }
            (CheckedRule::Record(_), Ok(_)) => {
                let state =
                    RuleState { evaluated_at: Some(now), health: Health::Ok, ..before.clone() };
                (state, Vec::new())
            }
        };
        draft.keep(&rule.id, before, &after);
        for transition in transitions {
            draft.tell(known, &rule.id, transition);
        }
        draft.states.push((rule.id.clone(), after, last));
    }
    draft
}

fn stepped(
    before: RuleState,
    rule: &AlertRule,
    answered: &Answered,
    fleet: &Fleet,
    now: Timestamp,
) -> (RuleState, Vec<Transition>) {
    let own: Vec<&str> =
        rule.labels.iter().map(|(name, _)| name.as_str()).chain([ALERT_NAME]).collect();
    let is_absent = |labels: &LabelSet| {
        // Labels that the rule adds are none of any series.
        let mut labels = labels.clone();
        labels.retain(|name, _| !own.contains(&name.as_str()));
        if fleet.has_no_longer(&labels) {
            return false;
        }
        !answered.seen.agrees_with(&labels)
    };
    let data = match answered.has_selectors {
        false => Data::There,
        true if is_blind(answered) && before.instances.is_empty() => Data::Absent,
        true => Data::AbsentFor(&is_absent),
    };
    step(before, rule, &answered.samples, data, now)
}

/// Whether there is nothing that the rule could be judged by.
fn is_blind(answered: &Answered) -> bool {
    let found = !answered.samples.is_empty() || answered.written > 0;
    answered.has_selectors && answered.seen.is_empty() && !found
}

impl Fleet {
    /// Whether series with these labels are of something that is known not to be there any
    /// more: then that nothing is measured of it is no lack of knowledge.
    fn has_no_longer(&self, labels: &LabelSet) -> bool {
        let known = || self.snapshot.providers.values();
        let is_set = |name: &String| {
            // A machine that is no host of a provider is told under its agent's name.
            self.machines.contains(name) || known().any(|it| it.row.name == **name)
        };
        if labels.get("provider").is_some_and(|name| !is_set(name)) {
            return true;
        }
        let all_answer = !self.snapshot.freshness.is_stale()
            && known().all(|it| it.state == ProviderState::Healthy);
        let vm = labels.get("vm_id").and_then(|id| id.parse::<VmId>().ok());
        all_answer && vm.is_some_and(|id| self.snapshot.vms.get(&id).is_none())
    }
}

impl Draft {
    /// Ends what a rule that is not there any more said.
    pub(super) fn remove(&mut self, known: &Known, rule: &str, state: &RuleState, now: Timestamp) {
        self.keep(rule, state, &RuleState::default());
        for transition in removed(state.clone(), now) {
            self.tell(known, rule, transition);
        }
    }

    /// Stores what cannot be computed again. The value of an alert that goes on firing
    /// can, and is not worth a write each time.
    fn keep(&mut self, rule: &str, before: &RuleState, after: &RuleState) {
        let mut old: BTreeMap<&LabelSet, &Instance> =
            before.instances.iter().map(|it| (&it.labels, it)).collect();
        for instance in &after.instances {
            let is_same = old.remove(&instance.labels).is_some_and(|old| {
                let (mut old, mut new) = (old.clone(), instance.clone());
                // Compared without the value, which may be NaN.
                (old.value, new.value) = (0.0, 0.0);
                old.held_at = new.held_at;
                old.annotations.clone_from(&new.annotations);
                old == new
            });
            if !is_same {
                let instance = Box::new(instance.clone());
                self.effects.push(AlertEffect::Put { rule: rule.to_owned(), instance });
            }
        }
        for labels in old.into_keys() {
            let alert = Identity::of(labels);
            self.effects.push(AlertEffect::Drop { rule: rule.to_owned(), alert });
        }
    }

    /// What follows from a change of an alert, and what the world is told.
    fn tell(&mut self, known: &Known, rule: &str, transition: Transition) {
        let Transition { change, instance, at } = transition;
        let alert = Identity::of(&instance.labels);
        let (change, cause) = match change {
            // These happen and pass without anybody being called.
            Change::Pending | Change::Dropped => return,
            Change::Firing => (AlertChange::Fired, None),
            Change::Resolved(cause) => (AlertChange::Resolved, Some(cause)),
        };
        if self.fires_elsewhere(known, rule, &instance.labels) {
            // Two rules that say the same are one alert, which goes on.
            return;
        }
        if change == AlertChange::Fired && known.ended.contains_key(&alert) {
            self.effects.push(AlertEffect::EndedTold(alert.clone()));
        }
        if change == AlertChange::Resolved {
            if known.groups.values().any(|group| group.told.contains(&alert)) {
                let ended = EndedAlert { instance: instance.clone(), ended_at: at };
                self.effects.push(AlertEffect::Ended(Box::new(ended)));
            }
            if known.acknowledgements.contains_key(&alert) {
                self.effects.push(AlertEffect::Unacknowledge(alert));
            }
        }
        let told = ChangeTold { instance, cause, by: None, comment: String::new() };
        self.change(change, told, at);
    }

    /// Whether the very same alert fires by another rule: by what is drafted of it, or known.
    fn fires_elsewhere(&self, known: &Known, rule: &str, labels: &LabelSet) -> bool {
        let fires = |state: &RuleState| {
            state.instances.iter().any(|it| it.is_firing() && it.labels == *labels)
        };
        let drafted = |id: &str| self.states.iter().find(|(of, ..)| of == id).map(|it| &it.1);
        let others = known.rules.iter().filter(|(id, _)| *id != rule);
        others.into_iter().any(|(id, tracked)| fires(drafted(id).unwrap_or(&tracked.state)))
    }

    /// A line of the history of alerts, and the event that tells of it.
    pub(super) fn change(&mut self, change: AlertChange, told: ChangeTold, at: Timestamp) {
        let alert_id = id_of(&Identity::of(&told.instance.labels));
        self.events.push(event(&alert_id, change, &told, at));
        let line = NewAlertChange { at, alert_id, change, told };
        self.effects.push(AlertEffect::Changed(Box::new(line)));
    }
}

fn event(alert_id: &str, change: AlertChange, told: &ChangeTold, at: Timestamp) -> NewEvent {
    let instance = &told.instance;
    let name = instance.labels.get(ALERT_NAME).map_or("", String::as_str);
    let summary = instance.annotations.get("summary").map_or(name, String::as_str);
    let by = told.by.as_deref().unwrap_or_default();
    let message = match (change, told.cause) {
        (AlertChange::Fired, _) => format!("alert {name} fires: {summary}"),
        (AlertChange::Resolved, Some(Cause::NoData)) => {
            format!("alert {name} is no longer told, since there is no data: {summary}")
        }
        (AlertChange::Resolved, Some(Cause::RuleGone)) => {
            format!("alert {name} ended with its rule: {summary}")
        }
        (AlertChange::Resolved, _) => format!("alert {name} is over: {summary}"),
        (AlertChange::Acknowledged, _) => format!("alert {name} acknowledged by {by}: {summary}"),
        (AlertChange::Unacknowledged, _) => {
            format!("acknowledgement of alert {name} taken back by {by}: {summary}")
        }
    };
    let value = Some(instance.value).filter(|value| value.is_finite());
    NewEvent {
        at,
        kind: format!("alert.{}", change.as_str()),
        resource_kind: Some("alert".to_owned()),
        resource_id: Some(alert_id.to_owned()),
        resource_name: Some(name.to_owned()),
        message,
        data: json!({
            "labels": instance.labels,
            "severity": instance.labels.get("severity"),
            "summary": summary,
            "value": value,
            "cause": told.cause,
            "by": told.by,
        }),
    }
}
