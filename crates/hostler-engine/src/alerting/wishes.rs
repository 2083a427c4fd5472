//! What people may say of alerts: that they care for one, or want to hear nothing.

use std::time::Duration;

use hostler_core::access::{Actor, Permission, may};
use hostler_core::alert::Identity;
use hostler_core::alert::acknowledge::Acknowledgement;
use hostler_core::alert::matcher::LabelMatcher;
use hostler_core::alert::silence::{Silence, SilenceState};
use hostler_core::alert::state::Instance;
use hostler_core::error::Fault;
use hostler_core::id::SilenceId;
use hostler_core::{Code, Error, Result, Timestamp};
use hostler_store::{AlertChange, AlertEffect, ChangeTold, NewEvent};
use serde_json::json;

use super::decide::{self, Draft};
use super::known::Known;
use super::views::not_found;
use super::{AlertView, Alerts, SilenceView, id_of};

/// The most silences that are not over.
const SILENCES_MAX: usize = 1000;
/// The longest that a silence may last.
const SILENCE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// What is to be silenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SilencedFor {
    /// What fits all of these.
    Matchers(Vec<LabelMatcher>),
    /// The alert of this id alone.
    Alert(String),
}

/// A silence to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    /// Of what.
    pub of: SilencedFor,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why.
    pub comment: String,
}

impl Alerts<'_> {
    /// Says that somebody cares for an alert that fires.
    ///
    /// # Errors
    /// `alert_not_found`, `alert_not_firing`, `spec_invalid` of the comment,
    /// `capability_missing` where nothing is evaluated.
    pub async fn acknowledge(&self, actor: &Actor, id: &str, comment: &str) -> Result<AlertView> {
        may(actor, Permission::AlertManage)?;
        self.check_can_evaluate()?;
        self.decide(|known, draft, now| {
            let (_, instance) = find(known, id)?;
            if !instance.is_firing() {
                let message = "the alert does not fire yet: there is nothing to acknowledge";
                return Err(Error::new(Code::AlertNotFiring, message));
            }
            let seen = Acknowledgement::of(&instance, &actor.name, comment, now)
                .map_err(|fault| Error::faults(Code::SpecInvalid, vec![fault]))?;
            draft.effects.push(AlertEffect::Acknowledge(seen));
            let by = Some(actor.name.clone());
            let told = ChangeTold { instance, cause: None, by, comment: comment.to_owned() };
            draft.change(AlertChange::Acknowledged, told, now);
            Ok(())
        })
        .await?;
        self.get(id)
    }

    /// Takes that back; without effect where nobody cares for it.
    ///
    /// # Errors
    /// `alert_not_found`, `capability_missing` where nothing is evaluated.
    pub async fn unacknowledge(&self, actor: &Actor, id: &str) -> Result<AlertView> {
        may(actor, Permission::AlertManage)?;
        self.check_can_evaluate()?;
        self.decide(|known, draft, now| {
            let (alert, instance) = find(known, id)?;
            if known.acknowledged(&alert, &instance).is_none() {
                return Ok(());
            }
            draft.effects.push(AlertEffect::Unacknowledge(alert));
            let by = Some(actor.name.clone());
            let told = ChangeTold { instance, cause: None, by, comment: String::new() };
            draft.change(AlertChange::Unacknowledged, told, now);
            Ok(())
        })
        .await?;
        self.get(id)
    }

    /// Makes a silence.
    ///
    /// # Errors
    /// `spec_invalid` with all faults, `alert_not_found`, `limit_exceeded`.
    pub async fn silence_for(&self, actor: &Actor, new: NewSilence) -> Result<SilenceView> {
        may(actor, Permission::AlertManage)?;
        let id = self.engine.ids.next(SilenceId::new);
        self.decide(|known, draft, now| {
            let matchers = match new.of {
                SilencedFor::Matchers(matchers) => matchers,
                SilencedFor::Alert(id) => of_alert(&find(known, &id)?.1)?,
            };
            let silence = Silence {
                matchers,
                starts_at: new.starts_at,
                ends_at: new.ends_at,
                created_by: actor.name.clone(),
                created_at: now,
                comment: new.comment,
            };
            check(&silence, now)?;
            let open = known.silences.values().filter(|it| it.state(now) != SilenceState::Expired);
            if open.count() >= SILENCES_MAX {
                let message = format!("there are {SILENCES_MAX} silences; end some of them first");
                return Err(Error::new(Code::LimitExceeded, message));
            }
            draft.events.push(event("created", id, &silence, actor, now));
            draft.effects.push(AlertEffect::PutSilence(id, silence));
            Ok(())
        })
        .await?;
        self.silence(id)
    }

    /// Ends a silence now; without effect where it is over.
    ///
    /// # Errors
    /// `silence_not_found`.
    pub async fn expire_silence(&self, actor: &Actor, id: SilenceId) -> Result<()> {
        may(actor, Permission::AlertManage)?;
        self.silence(id)?;
        self.decide(|known, draft, now| {
            let Some(silence) = known.silences.get(&id) else { return Ok(()) };
            if silence.state(now) == SilenceState::Expired {
                return Ok(());
            }
            let mut silence = silence.clone();
            silence.expire(now);
            draft.events.push(event("expired", id, &silence, actor, now));
            draft.effects.push(AlertEffect::PutSilence(id, silence));
            Ok(())
        })
        .await
    }

    /// Decides something, stores it, and knows it then.
    async fn decide(
        &self,
        wish: impl FnOnce(&Known, &mut Draft, Timestamp) -> Result<()>,
    ) -> Result<()> {
        let alerting = &self.engine.alerting;
        let _one_at_a_time = alerting.deciding.lock().await;
        let mut draft = Draft::default();
        wish(&alerting.known(), &mut draft, self.now())?;
        decide::store(self.engine, &draft).await?;
        alerting.known_mut().take_over(&draft.effects);
        // Once more: who was woken by the store may have looked before this was known.
        alerting.changed.notify_one();
        Ok(())
    }
}

fn check(silence: &Silence, now: Timestamp) -> Result<()> {
    let mut faults = silence.check().err().unwrap_or_default();
    if silence.ends_at <= now {
        faults.push(Fault::new("/ends_at", "in_the_past", "it has to end in the future"));
    }
    if silence.ends_at.since(silence.starts_at) > SILENCE_MAX {
        let detail = "it may last a year at most; what is never to be told needs no rule";
        faults.push(Fault::new("/ends_at", "too_long", detail));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
}

fn of_alert(alert: &Instance) -> Result<Vec<LabelMatcher>> {
    Silence::matchers_of(&alert.labels).map_err(|error| {
        let detail = format!("{error}; write matchers of its other labels instead");
        Error::faults(Code::SpecInvalid, vec![Fault::new("/alert", "too_long", detail)])
    })
}

fn find(known: &Known, id: &str) -> Result<(Identity, Instance)> {
    let alerts = known.alerts();
    let found = alerts.into_iter().find(|(alert, _)| id_of(alert) == id);
    found.map(|(alert, it)| (alert, it.instance.clone())).ok_or_else(|| not_found(id))
}

fn event(what: &str, id: SilenceId, silence: &Silence, actor: &Actor, now: Timestamp) -> NewEvent {
    let matchers: Vec<_> = silence.matchers.iter().map(ToString::to_string).collect();
    NewEvent {
        at: now,
        kind: format!("silence.{what}"),
        resource_kind: Some("silence".to_owned()),
        resource_id: Some(id.to_string()),
        resource_name: Some(matchers.join(", ").chars().take(200).collect()),
        message: format!("silence of {} {what} by {actor}", matchers.join(", ")),
        data: json!({ "matchers": matchers, "comment": silence.comment }),
    }
}
