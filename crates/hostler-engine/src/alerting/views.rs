//! What is shown of alerts, rules, silences and receivers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::alert::acknowledge::Acknowledgement;
use hostler_core::alert::rule::CheckedRule;
use hostler_core::alert::silence::{Silence, SilenceState};
use hostler_core::alert::state::{Health, Instance};
use hostler_core::alert::{Identity, LabelSet, Period};
use hostler_core::id::SilenceId;
use hostler_core::{Code, Error, Result, Timestamp};

use super::known::{Known, Present, Tracked};
use super::rules::Ready;
use super::{Alerts, id_of};

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// Its id: the same for the same labels.
    pub id: String,
    /// The alert.
    pub instance: Instance,
    /// The id of the rule it comes from.
    pub rule: String,
    /// That rule's group.
    pub group: String,
    /// Where that rule comes from.
    pub source: String,
    /// Who cares for it.
    pub acknowledged: Option<Acknowledgement>,
    /// What silences it now.
    pub silenced_by: Vec<SilenceId>,
    /// The id of an alert that inhibits it.
    pub inhibited_by: Option<String>,
    /// Who is told of it by the present routes, muted or not.
    pub receivers: BTreeSet<String>,
}

impl AlertView {
    /// Its place among others: what fires is before what is pending, the gravest first.
    pub fn rank(&self) -> u64 {
        let severity = self.instance.labels.get("severity").map_or("", String::as_str);
        let known = ["critical", "error", "warning", "info"];
        let gravity = known.iter().position(|word| *word == severity).unwrap_or(known.len());
        let waiting = if self.instance.is_firing() { 0 } else { 10 };
        waiting + gravity as u64
    }
}

/// How a rule's last evaluation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleHealth {
    /// Not evaluated yet.
    New,
    /// It went well.
    Ok,
    /// It went well, and there was nothing to compute with.
    NoData,
    /// It failed.
    Failed(String),
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleView {
    /// Its id.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// Its group.
    pub group: String,
    /// The name of its alert or series.
    pub name: String,
    /// Its expression.
    pub expression: String,
    /// From one evaluation to the next.
    pub interval: Period,
    /// The labels that it adds, as written.
    pub labels: LabelSet,
    /// What it says.
    pub rule: CheckedRule,
    /// How its last evaluation went.
    pub health: RuleHealth,
    /// When that was.
    pub evaluated_at: Option<Timestamp>,
    /// How long it took.
    pub took: Option<Duration>,
    /// How many of its alerts are pending.
    pub pending: usize,
    /// How many of its alerts fire.
    pub firing: usize,
    /// How many series it wrote last.
    pub written: usize,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceView {
    /// Its id.
    pub id: SilenceId,
    /// The silence.
    pub silence: Silence,
    /// How it stands.
    pub state: SilenceState,
    /// How many alerts it keeps from being told now.
    pub silences: usize,
}

/// A receiver, and how delivering to it goes, since the server started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// How many notices wait.
    pub waiting: u64,
    /// How many were delivered.
    pub delivered: u64,
    /// How many tries failed.
    pub failed: u64,
    /// How many notices were given up.
    pub lost: u64,
    /// When one was last delivered.
    pub delivered_at: Option<Timestamp>,
    /// When a try last failed.
    pub failed_at: Option<Timestamp>,
    /// Why the latest try failed, if it did.
    pub failure: Option<String>,
}

impl Alerts<'_> {
    pub(super) fn check_can_evaluate(&self) -> Result<()> {
        if self.can_evaluate() {
            return Ok(());
        }
        let message = "rules are evaluated over the history, and none is kept: `history.enabled` \
                       is off in the configuration, or it could not be opened, which the server's \
                       log says";
        Err(Error::new(Code::CapabilityMissing, message))
    }

    /// The alerts there are: the gravest that fire first.
    ///
    /// # Errors
    /// `capability_missing` where nothing can be evaluated.
    pub fn list(&self) -> Result<Vec<AlertView>> {
        self.check_can_evaluate()?;
        let known = self.engine.alerting.known();
        let alerts = known.alerts();
        let inhibitor = known.inhibitor(&alerts);
        let now = self.now();
        let mut views: Vec<_> = alerts
            .iter()
            .map(|(alert, present)| {
                let inhibited_by = inhibitor.by(&present.instance.labels).map(id_of);
                view(&known, alert, *present, inhibited_by, now)
            })
            .collect();
        views.sort_by_cached_key(|view| (view.rank(), view.instance.labels.clone()));
        Ok(views)
    }

    /// One alert.
    ///
    /// # Errors
    /// `alert_not_found` when there is none of this id now.
    pub fn get(&self, id: &str) -> Result<AlertView> {
        let found = self.list()?.into_iter().find(|view| view.id == id);
        found.ok_or_else(|| not_found(id))
    }

    /// Whether some rule that raises alerts failed, so that alerts may be missing or old;
    /// and when the one was evaluated that was longest ago.
    pub fn freshness(&self) -> (bool, Option<Timestamp>) {
        let known = self.engine.alerting.known();
        let rules = known.rules.values().filter(|it| is_alert(it));
        let is_stale = rules.clone().any(|it| it.state.health != Health::Ok);
        (is_stale, rules.filter_map(|it| it.state.evaluated_at).min())
    }

    /// The rules, in the order in which they are written.
    ///
    /// # Errors
    /// `capability_missing` where nothing can be evaluated.
    pub fn rules(&self) -> Result<Vec<RuleView>> {
        self.check_can_evaluate()?;
        let known = self.engine.alerting.known();
        let ready = known.groups_of_rules.iter().flat_map(|group| &group.rules);
        Ok(ready.map(|ready| rule(ready, known.rules.get(&ready.id))).collect())
    }

    /// Silences, the latest made first.
    pub fn silences(&self) -> Vec<SilenceView> {
        let known = self.engine.alerting.known();
        let alerts = known.alerts();
        let now = self.now();
        let silences = known.silences.iter().rev();
        silences
            .map(|(id, silence)| SilenceView {
                id: *id,
                silence: silence.clone(),
                state: silence.state(now),
                silences: alerts
                    .values()
                    .filter(|it| silence.silences(&it.instance.labels, now))
                    .count(),
            })
            .collect()
    }

    /// One silence.
    ///
    /// # Errors
    /// `silence_not_found`.
    pub fn silence(&self, id: SilenceId) -> Result<SilenceView> {
        let found = self.silences().into_iter().find(|view| view.id == id);
        found.ok_or_else(|| {
            Error::new(Code::SilenceNotFound, format!("there is no silence with the id {id}"))
        })
    }

    /// The receivers, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn receivers(&self) -> Result<Vec<ReceiverView>> {
        let waiting = self.engine.store.notices_waiting().await?;
        let known = self.engine.alerting.known();
        let views = known.config.receivers.iter().map(|(name, receiver)| {
            let counts = known.deliveries.get(name).cloned().unwrap_or_default();
            let waiting = waiting.iter().find(|(of, _)| of == name).map_or(0, |(_, count)| *count);
            ReceiverView {
                name: name.clone(),
                kind: receiver.kind,
                waiting,
                delivered: counts.delivered,
                failed: counts.failed,
                lost: counts.lost,
                delivered_at: counts.delivered_at,
                failed_at: counts.failed_at,
                failure: counts.failure,
            }
        });
        Ok(views.collect())
    }
}

pub(super) fn not_found(id: &str) -> Error {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
    let message = format!("no alert with the id {shown} is pending or fires now");
    Error::new(Code::AlertNotFound, message)
}

fn is_alert(tracked: &Tracked) -> bool {
    tracked.rule.as_ref().is_some_and(|it| matches!(it.rule, CheckedRule::Alert(_)))
}

fn view(
    known: &Known,
    alert: &Identity,
    Present { rule, instance }: Present<'_>,
    inhibited_by: Option<String>,
    now: Timestamp,
) -> AlertView {
    let of = rule.rule.as_ref();
    let text = |part: fn(&Arc<Ready>) -> &String| of.map(part).cloned().unwrap_or_default();
    let routes = known.config.routes.as_ref();
    let places = routes.map(|it| it.destinations(&instance.labels)).unwrap_or_default();
    AlertView {
        id: id_of(alert),
        instance: instance.clone(),
        rule: text(|it| &it.id),
        group: text(|it| &it.group),
        source: text(|it| &it.source),
        acknowledged: known.acknowledged(alert, instance).cloned(),
        silenced_by: known.silences_of(instance, now),
        inhibited_by,
        receivers: places.into_iter().map(|place| place.group.receiver).collect(),
    }
}

fn rule(ready: &Arc<Ready>, tracked: Option<&Tracked>) -> RuleView {
    let state = tracked.map(|it| it.state.clone()).unwrap_or_default();
    let last = tracked.and_then(|it| it.last);
    let firing = state.instances.iter().filter(|it| it.is_firing()).count();
    let health = match &state.health {
        Health::New => RuleHealth::New,
        Health::Ok if last.is_some_and(|it| it.is_blind) => RuleHealth::NoData,
        Health::Ok => RuleHealth::Ok,
        Health::Failed { reason } => RuleHealth::Failed(reason.clone()),
        Health::TooMany { found, limit } => {
            RuleHealth::Failed(format!("it gives {found} alerts; {limit} is the limit"))
        }
        Health::Duplicate { labels } => {
            let which = Identity::of(labels);
            RuleHealth::Failed(format!("two results would be the same alert {}", which.as_str()))
        }
    };
    RuleView {
        id: ready.id.clone(),
        source: ready.source.clone(),
        group: ready.group.clone(),
        name: ready.name().to_owned(),
        expression: ready.expression().to_owned(),
        interval: ready.interval,
        labels: ready.labels(),
        rule: ready.rule.clone(),
        health,
        evaluated_at: state.evaluated_at,
        took: last.map(|it| it.took),
        pending: state.instances.len() - firing,
        firing,
        written: last.map_or(0, |it| it.written),
    }
}
