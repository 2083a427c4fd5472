//! Alerts: what of them must survive a restart, and the notices that wait to be
//! delivered.
//!
//! All that one decision changes is one [`Store::write_alerts`]: an alert that
//! fires, the line that tells of it, the group that was planned and the notice of
//! it are kept together or not at all. So no notice is lost, and none is made
//! twice.

use hostler_core::Timestamp;
use hostler_core::alert::acknowledge::Acknowledgement;
use hostler_core::alert::group::{GroupKey, GroupState};
use hostler_core::alert::notice::Notice;
use hostler_core::alert::silence::Silence;
use hostler_core::alert::state::{Cause, Instance};
use hostler_core::alert::{ALERT_NAME, Identity};
use hostler_core::id::SilenceId;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use crate::connection::{Connection, query};
use crate::error::{Error, Result};
use crate::{NewEvent, Store, events, row, statements};

/// The most notices that wait for one receiver: beyond it the oldest goes, and is told.
pub const NOTICES_MAX: u64 = 1000;

/// An alert that is over, as it was last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedAlert {
    /// The alert.
    pub instance: Instance,
    /// When it was over.
    pub ended_at: Timestamp,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertChange {
    /// It began to fire.
    Fired,
    /// It is over.
    Resolved,
    /// Somebody cares for it.
    Acknowledged,
    /// Nobody cares for it any more.
    Unacknowledged,
}

impl AlertChange {
    /// Every one.
    pub const ALL: &'static [Self] =
        &[Self::Fired, Self::Resolved, Self::Acknowledged, Self::Unacknowledged];

    /// The word that is stored, and used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Resolved => "resolved",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
        }
    }

    /// The one written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|change| change.as_str() == text)
    }
}

/// A line of the history of alerts, not yet numbered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlertChange {
    /// When.
    pub at: Timestamp,
    /// The alert's id in the API.
    pub alert_id: String,
    /// What happened.
    pub change: AlertChange,
    /// The alert as it was then, and by what it happened.
    pub told: ChangeTold,
}

/// What a line of the history of alerts tells. Stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeTold {
    /// The alert as it was then.
    pub instance: Instance,
    /// Why it is over, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Who did it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A line of the history of alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChangeRow {
    /// Grows by every line.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The alert's id in the API.
    pub alert_id: String,
    /// The alert's name.
    pub name: String,
    /// What happened.
    pub change: AlertChange,
    /// The alert as it was then, and by what it happened.
    pub told: ChangeTold,
}

/// Which lines of the history of alerts; what is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertChangeFilter {
    /// The alert's id in the API.
    pub alert_id: Option<String>,
    /// The alert's name.
    pub name: Option<String>,
    /// What happened.
    pub change: Option<AlertChange>,
}

/// A notice that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingNotice {
    /// Grows by every notice.
    pub seq: u64,
    /// The notice.
    pub notice: Notice,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next.
    pub next_try_at: Timestamp,
    /// Why the last try failed.
    pub failure: Option<String>,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertEffect {
    /// An alert of this rule is so.
    Put {
        /// The rule's key.
        rule: String,
        /// The alert.
        instance: Box<Instance>,
    },
    /// An alert of this rule is neither pending nor fires.
    Drop {
        /// The rule's key.
        rule: String,
        /// The alert.
        alert: Identity,
    },
    /// An alert is over, which some receiver may have to be told.
    Ended(Box<EndedAlert>),
    /// Nobody has to be told any more that this alert is over.
    EndedTold(Identity),
    /// A line of the history.
    Changed(Box<NewAlertChange>),
    /// Somebody cares for an alert.
    Acknowledge(Acknowledgement),
    /// Nobody cares for this alert any more.
    Unacknowledge(Identity),
    /// A silence is so.
    PutSilence(SilenceId, Silence),
    /// A silence is forgotten.
    DropSilence(SilenceId),
    /// A group is so.
    PutGroup(GroupKey, GroupState),
    /// A group is forgotten.
    DropGroup(GroupKey),
    /// Something to be delivered.
    Send(Box<Notice>),
}

/// Everything that survives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredAlerts {
    /// Alerts that are pending or fire, with their rules' keys.
    pub instances: Vec<(String, Instance)>,
    /// Alerts that are over, of which somebody may have to be told.
    pub ended: Vec<EndedAlert>,
    /// Who cares for what.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Silences, those that are over among them.
    pub silences: Vec<(SilenceId, Silence)>,
    /// Groups.
    pub groups: Vec<(GroupKey, GroupState)>,
}

impl Store {
    /// Everything of one moment.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn alerts(&self) -> Result<StoredAlerts> {
        let mut at = self.snapshot().await?;
        let document = "document";
        let instances = at.all(query(statements::ALERTS)).await?;
        let ended = at.all(query(statements::ALERTS_ENDED)).await?;
        let acknowledgements = at.all(query(statements::ACKNOWLEDGEMENTS)).await?;
        let silences = at.all(query(statements::SILENCES)).await?;
        let groups = at.all(query(statements::ALERT_GROUPS)).await?;
        Ok(StoredAlerts {
            instances: instances
                .iter()
                .map(|it| Ok((row::text(it, "rule")?, row::document(it, document)?)))
                .collect::<Result<_>>()?,
            ended: ended.iter().map(|it| row::document(it, document)).collect::<Result<_>>()?,
            acknowledgements: acknowledgements
                .iter()
                .map(|it| row::document(it, document))
                .collect::<Result<_>>()?,
            silences: silences
                .iter()
                .map(|it| Ok((row::parsed(it, "id")?, row::document(it, document)?)))
                .collect::<Result<_>>()?,
            groups: groups
                .iter()
                .map(|it| Ok((row::document(it, "key")?, row::document(it, "state")?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Makes all of these changes, and tells of them, or nothing. Gives the notices
    /// that had to go to make room.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn write_alerts(
        &self,
        effects: &[AlertEffect],
        public: &[NewEvent],
    ) -> Result<Vec<Notice>> {
        let mut tx = self.write().await?;
        let mut lost = Vec::new();
        for effect in effects {
            apply(&mut tx, effect, &mut lost).await?;
        }
        events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(lost)
    }

    /// At most `limit` lines of the history before number `before`, or of all,
    /// newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn alert_changes(
        &self,
        before: Option<u64>,
        filter: &AlertChangeFilter,
        limit: u32,
    ) -> Result<Vec<AlertChangeRow>> {
        let query = query(statements::ALERT_CHANGES)
            .bind(before.map_or(i64::MAX, row::to_int))
            .bind(filter.alert_id.clone())
            .bind(filter.name.clone())
            .bind(filter.change.map(AlertChange::as_str))
            .bind(i64::from(limit));
        self.read().await?.all(query).await?.iter().map(read_change).collect()
    }

    /// Forgets all but the latest `keep` numbers' lines of the history; tells how many went.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn trim_alert_changes(&self, keep: u64) -> Result<u64> {
        let mut tx = self.write().await?;
        let counter = query(statements::COUNTER).bind("alert_change");
        let last = row::unsigned(&tx.one(counter).await?, "value")?;
        let upto = row::to_int(last.saturating_sub(keep));
        let gone = tx.execute(query(statements::ALERT_CHANGES_TRIM).bind(upto)).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// The next notices for a receiver: the oldest of each group, those that are due
    /// soonest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn next_notices(&self, receiver: &str, limit: u32) -> Result<Vec<WaitingNotice>> {
        let next = query(statements::NOTICES_NEXT).bind(receiver.to_owned()).bind(i64::from(limit));
        self.read().await?.all(next).await?.iter().map(read_notice).collect()
    }

    /// How many notices wait, by receiver; those without any are not among them.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn notices_waiting(&self) -> Result<Vec<(String, u64)>> {
        let rows = self.read().await?.all(query(statements::NOTICE_RECEIVERS)).await?;
        rows.iter()
            .map(|it| Ok((row::text(it, "receiver")?, row::unsigned(it, "count")?)))
            .collect()
    }

    /// A notice was delivered, or is given up, of which `public` tells.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn notice_done(&self, seq: u64, public: &[NewEvent]) -> Result<()> {
        let mut tx = self.write().await?;
        tx.execute(query(statements::NOTICE_DELETE).bind(row::to_int(seq))).await?;
        events::insert(&mut tx, public).await?;
        tx.commit().await
    }

    /// A notice could not be delivered, and is to be tried again.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn notice_failed(
        &self,
        seq: u64,
        next_try_at: Timestamp,
        failure: &str,
    ) -> Result<()> {
        let mut tx = self.write().await?;
        let failed = query(statements::NOTICE_FAILED)
            .bind(row::to_int(seq))
            .bind(next_try_at.as_micros())
            .bind(failure.to_owned());
        tx.execute(failed).await?;
        tx.commit().await
    }
}

async fn apply(tx: &mut Connection, effect: &AlertEffect, lost: &mut Vec<Notice>) -> Result<()> {
    let bound = match effect {
        AlertEffect::Put { rule, instance } => query(statements::ALERT_PUT)
            .bind(rule.clone())
            .bind(identity(instance))
            .bind(row::to_json(instance)?),
        AlertEffect::Drop { rule, alert } => {
            query(statements::ALERT_DELETE).bind(rule.clone()).bind(alert.as_str().to_owned())
        }
        AlertEffect::Ended(ended) => query(statements::ALERT_ENDED_PUT)
            .bind(identity(&ended.instance))
            .bind(row::to_json(ended)?),
        AlertEffect::EndedTold(alert) => {
            query(statements::ALERT_ENDED_DELETE).bind(alert.as_str().to_owned())
        }
        AlertEffect::Changed(change) => {
            let seq = take(tx, "alert_change").await?;
            let labels = &change.told.instance.labels;
            query(statements::ALERT_CHANGE_INSERT)
                .bind(row::to_int(seq))
                .bind(change.at.as_micros())
                .bind(change.alert_id.clone())
                .bind(labels.get(ALERT_NAME).cloned().unwrap_or_default())
                .bind(change.change.as_str())
                .bind(row::to_json(&change.told)?)
        }
        AlertEffect::Acknowledge(seen) => query(statements::ACKNOWLEDGEMENT_PUT)
            .bind(seen.alert.as_str().to_owned())
            .bind(row::to_json(seen)?),
        AlertEffect::Unacknowledge(alert) => {
            query(statements::ACKNOWLEDGEMENT_DELETE).bind(alert.as_str().to_owned())
        }
        AlertEffect::PutSilence(id, silence) => query(statements::SILENCE_PUT)
            .bind(id.to_string())
            .bind(silence.ends_at.as_micros())
            .bind(row::to_json(silence)?),
        AlertEffect::DropSilence(id) => query(statements::SILENCE_DELETE).bind(id.to_string()),
        AlertEffect::PutGroup(key, state) => query(statements::ALERT_GROUP_PUT)
            .bind(key.to_string())
            .bind(row::to_json(key)?)
            .bind(row::to_json(state)?),
        AlertEffect::DropGroup(key) => query(statements::ALERT_GROUP_DELETE).bind(key.to_string()),
        AlertEffect::Send(notice) => {
            make_room(tx, &notice.receiver, lost).await?;
            let seq = take(tx, "alert_notice").await?;
            query(statements::NOTICE_INSERT)
                .bind(row::to_int(seq))
                .bind(notice.id.clone())
                .bind(notice.receiver.clone())
                .bind(notice.group_key.clone())
                .bind(row::to_json(notice)?)
                .bind(notice.made_at.as_micros())
        }
    };
    tx.execute(bound).await.map(drop)
}

fn identity(instance: &Instance) -> String {
    Identity::of(&instance.labels).as_str().to_owned()
}

async fn take(tx: &mut Connection, counter: &'static str) -> Result<u64> {
    let take = query(statements::COUNTER_TAKE).bind(counter).bind(1_i64);
    row::unsigned(&tx.one(take).await?, "value")
}

/// A receiver that is away for weeks must not fill the disk: the oldest goes, since the
/// newer ones say how it is now.
async fn make_room(tx: &mut Connection, receiver: &str, lost: &mut Vec<Notice>) -> Result<()> {
    let waiting = query(statements::NOTICES_WAITING).bind(receiver.to_owned());
    if tx.count(waiting).await? < NOTICES_MAX {
        return Ok(());
    }
    let oldest = query(statements::NOTICE_OLDEST).bind(receiver.to_owned());
    let oldest = read_notice(&tx.one(oldest).await?)?;
    tx.execute(query(statements::NOTICE_DELETE).bind(row::to_int(oldest.seq))).await?;
    lost.push(oldest.notice);
    Ok(())
}

fn read_change(row: &SqliteRow) -> Result<AlertChangeRow> {
    Ok(AlertChangeRow {
        seq: row::unsigned(row, "seq")?,
        at: row::time(row, "at")?,
        alert_id: row::text(row, "alert_id")?,
        name: row::text(row, "name")?,
        change: row::word(row, "change", AlertChange::parse)?,
        told: row::document(row, "document")?,
    })
}

fn read_notice(row: &SqliteRow) -> Result<WaitingNotice> {
    let notice: Notice = row::document(row, "document")?;
    if notice.id != row::text(row, "id")? {
        return Err(Error::bug("a notice is stored under another's id"));
    }
    Ok(WaitingNotice {
        seq: row::unsigned(row, "seq")?,
        notice,
        attempts: row::unsigned(row, "attempts")?,
        next_try_at: row::time(row, "next_try_at")?,
        failure: row::optional_text(row, "failure")?,
    })
}
