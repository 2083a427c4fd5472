//! Alerts: what is wrong now, and what was.

use hostler_api::v1::{self, Acknowledged, Alert, AlertEntry, AlertRuleRef};
use hostler_api::{CacheStatus, LIMIT_DEFAULT, ListQuery, Page, Time};
use hostler_core::alert::state::Cause;
use hostler_core::alert::{ALERT_NAME, LabelSet};
use hostler_core::error::Fault;
use hostler_core::query::{Field, Operator, Row, Value};
use hostler_core::{Code, Error};
use hostler_engine::AlertView;
use hostler_store::{AlertChange, AlertChangeFilter, AlertChangeRow};

use super::error::{Refusal, Result};
use super::{Api, Call, Reply, lists};
use crate::app::App;

/// The names of the lists in cursors.
const LIST: &str = "alerts";
const HISTORY: &str = "alert_history";

const FIELDS: &[Field] = &[
    Field::text("state"),
    Field::text("name"),
    Field::text("severity"),
    Field::text("rule"),
    Field::text("group"),
    Field::text("acknowledged"),
    Field::text("silenced"),
    Field::text("inhibited"),
    Field::number("active_since"),
    Field::number("firing_since"),
    Field::family("label."),
];
const ENTRY_FIELDS: &[Field] = &[Field::text("alert"), Field::text("name"), Field::text("change")];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::AlertList, list)
        .route(v1::AlertHistory, history)
        .route(v1::AlertShow, show)
        .route(v1::AlertAcknowledge, acknowledge)
        .route(v1::AlertUnacknowledge, unacknowledge)
}

async fn list(app: App, call: Call<v1::AlertList>) -> Result<Reply<Page<Alert>>> {
    let alerts = app.engine.alerts();
    let rows: Vec<_> = alerts.list()?.into_iter().map(Listed).collect();
    let order = ["rank", "name"];
    let page = lists::in_order(&app, LIST, &call.query, FIELDS, &order, &rows, |it| alert(&it.0))?;
    let (stale, observed_at) = alerts.freshness();
    let page = page.aged(CacheStatus::of(stale), None);
    Ok(Reply::page(Page { observed_at: observed_at.map(Time), ..page }))
}

async fn show(app: App, call: Call<v1::AlertShow>) -> Result<Reply<Alert>> {
    Ok(Reply::of(alert(&app.engine.alerts().get(of_path(&call.path.alert)?)?)))
}

async fn acknowledge(app: App, call: Call<v1::AlertAcknowledge>) -> Result<Reply<Alert>> {
    let (alerts, actor) = (app.engine.alerts(), &call.caller.actor);
    let view = alerts.acknowledge(actor, of_path(&call.path.alert)?, &call.body.comment).await?;
    Ok(Reply::of(alert(&view)))
}

async fn unacknowledge(app: App, call: Call<v1::AlertUnacknowledge>) -> Result<Reply<Alert>> {
    let (alerts, actor) = (app.engine.alerts(), &call.caller.actor);
    let view = alerts.unacknowledge(actor, of_path(&call.path.alert)?).await?;
    Ok(Reply::of(alert(&view)))
}

/// An alert's id in a path: no UUID as others have, since the same labels have the same.
fn of_path(text: &str) -> Result<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() == 32 && text.bytes().all(is_digit) {
        return Ok(text);
    }
    let shown: String = text.chars().take(40).collect();
    let message = format!("`{shown}` is not an alert's id; those are 32 hexadecimal digits");
    Err(Refusal::new(Code::IdInvalid, message))
}

async fn history(app: App, call: Call<v1::AlertHistory>) -> Result<Reply<Page<AlertEntry>>> {
    let query = &call.query;
    let wanted = filter(&app, query)?;
    let before = match &query.cursor {
        Some(cursor) => {
            let text = app.cursors.open_text(HISTORY, query, cursor)?;
            Some(text.parse().map_err(|_| Error::bug("a cursor of ours holds no number"))?)
        }
        None => None,
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut rows = app.engine.alerts().history(before, &wanted, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    Ok(Reply::page(Page {
        items: rows.iter().map(entry).collect(),
        next_cursor: last.map(|seq| app.cursors.seal_text(HISTORY, query, &seq)),
        observed_at: Some(Time(app.clock.now())),
        stale: false,
        cache_status: Some(CacheStatus::Fresh),
        stale_since: None,
        silent: Vec::new(),
        approx_total: None,
    }))
}

/// The history is listed newest first, in no other order.
fn filter(app: &App, query: &ListQuery) -> Result<AlertChangeFilter> {
    if query.sort.is_some() || query.search.is_some() {
        let parameter = if query.sort.is_some() { "sort" } else { "search" };
        let detail = "what happened is listed newest first, by filter";
        return Err(fault(parameter, detail).into());
    }
    let plain = ListQuery { cursor: None, ..query.clone() };
    let request = app.cursors.request(HISTORY, &plain, ENTRY_FIELDS)?;
    let mut wanted = AlertChangeFilter::default();
    for term in request.filter.terms {
        let (Operator::Equal, Value::Text(value)) = (term.operator, term.value) else {
            return Err(fault("filter", "what happened is filtered by `=` only").into());
        };
        let value = value.into_owned();
        let is_new = match term.field.as_str() {
            "alert" => wanted.alert_id.replace(value).is_none(),
            "name" => wanted.name.replace(value).is_none(),
            _ => {
                let Some(change) = AlertChange::parse(&value) else {
                    let words: Vec<_> = AlertChange::ALL.iter().map(|it| it.as_str()).collect();
                    let detail = format!("`change` is one of {}", words.join(", "));
                    return Err(fault("filter", &detail).into());
                };
                wanted.change.replace(change).is_none()
            }
        };
        if !is_new {
            return Err(fault("filter", &format!("has `{}` twice", term.field)).into());
        }
    }
    Ok(wanted)
}

fn fault(parameter: &str, detail: &str) -> Error {
    Error::faults(Code::QueryInvalid, vec![Fault::new(parameter, "unsupported", detail)])
}

fn alert(view: &AlertView) -> Alert {
    let instance = &view.instance;
    let name = text(&instance.labels, ALERT_NAME).unwrap_or_default();
    let mut annotations = instance.annotations.clone();
    Alert {
        id: view.id.clone(),
        state: state(view).to_owned(),
        severity: text(&instance.labels, "severity"),
        labels: instance.labels.clone(),
        summary: annotations.remove("summary").unwrap_or_else(|| name.clone()),
        description: annotations.remove("description"),
        runbook_url: annotations.remove("runbook_url"),
        annotations,
        name,
        value: Some(instance.value).filter(|value| value.is_finite()),
        active_since: Time(instance.active_since),
        firing_since: instance.firing_since.map(Time),
        held_at: Time(instance.held_at),
        over_since: instance.over_since.map(Time),
        no_data_since: instance.no_data_since.map(Time),
        rule: AlertRuleRef {
            id: view.rule.clone(),
            group: view.group.clone(),
            source: view.source.clone(),
        },
        acknowledged: view.acknowledged.as_ref().map(|seen| Acknowledged {
            by: seen.by.clone(),
            at: Time(seen.at),
            comment: seen.comment.clone(),
        }),
        silenced_by: view.silenced_by.iter().map(ToString::to_string).collect(),
        inhibited_by: view.inhibited_by.clone(),
        receivers: view.receivers.iter().cloned().collect(),
    }
}

const fn state(view: &AlertView) -> &'static str {
    if view.instance.is_firing() { "firing" } else { "pending" }
}

fn text(labels: &LabelSet, name: &str) -> Option<String> {
    labels.get(name).cloned()
}

fn entry(row: &AlertChangeRow) -> AlertEntry {
    let told = &row.told;
    let summary = told.instance.annotations.get("summary").unwrap_or(&row.name);
    AlertEntry {
        seq: row.seq,
        at: Time(row.at),
        alert: row.alert_id.clone(),
        name: row.name.clone(),
        change: row.change.as_str().to_owned(),
        cause: told.cause.map(|cause| {
            let word = match cause {
                Cause::Over => "over",
                Cause::NoData => "no_data",
                Cause::RuleGone => "rule_gone",
            };
            word.to_owned()
        }),
        by: told.by.clone(),
        comment: Some(told.comment.clone()).filter(|comment| !comment.is_empty()),
        labels: told.instance.labels.clone(),
        summary: summary.clone(),
        value: Some(told.instance.value).filter(|value| value.is_finite()),
        firing_since: told.instance.firing_since.map(Time),
    }
}

/// An alert as a row of a list.
struct Listed(AlertView);

impl Row for Listed {
    fn id(&self) -> String {
        self.0.id.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let (view, instance) = (&self.0, &self.0.instance);
        let label = |name: &str| instance.labels.get(name).map(String::as_str);
        match field {
            "state" => state(view).into(),
            "name" => label(ALERT_NAME).into(),
            "severity" => label("severity").into(),
            "rule" => view.rule.as_str().into(),
            "group" => view.group.as_str().into(),
            "acknowledged" => view.acknowledged.is_some().into(),
            "silenced" => (!view.silenced_by.is_empty()).into(),
            "inhibited" => view.inhibited_by.is_some().into(),
            "active_since" => instance.active_since.as_micros().into(),
            "firing_since" => instance.firing_since.map(|at| at.as_micros()).into(),
            "rank" => view.rank().into(),
            _ => field.strip_prefix("label.").and_then(label).into(),
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let instance = &self.0.instance;
        let texts = instance.labels.values().chain(instance.annotations.values());
        texts.into_iter().any(|text| text.to_lowercase().contains(needle))
    }
}
