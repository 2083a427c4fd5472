//! Rules of alerts and receivers: where alerts come from, and where they go.

use hostler_api::v1;
use hostler_api::{Page, Time};
use hostler_core::alert::rule::CheckedRule;
use hostler_core::query::{Field, Row, Value};
use hostler_engine::{ReceiverView, RuleHealth, RuleView};

use super::error::Result;
use super::{Api, Call, Reply, lists};
use crate::app::App;

const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::text("kind"),
    Field::text("group"),
    Field::text("source"),
    Field::text("health"),
    Field::text("state"),
];
const RECEIVER_FIELDS: &[Field] =
    &[Field::text("name"), Field::text("kind"), Field::number("waiting")];

pub(super) fn route(api: Api) -> Api {
    api.route(v1::AlertRuleList, list).route(v1::AlertReceiverList, receivers)
}

async fn list(app: App, call: Call<v1::AlertRuleList>) -> Result<Reply<Page<v1::AlertRule>>> {
    let rules = app.engine.alerts().rules()?.into_iter().enumerate();
    let rows: Vec<_> = rules.map(|(order, view)| Listed { order, view }).collect();
    let of_rule = |row: &Listed| rule(&row.view);
    let (list, order) = ("alert_rules", ["order"]);
    lists::in_order(&app, list, &call.query, FIELDS, &order, &rows, of_rule).map(Reply::page)
}

async fn receivers(
    app: App,
    call: Call<v1::AlertReceiverList>,
) -> Result<Reply<Page<v1::AlertReceiver>>> {
    let rows = app.engine.alerts().receivers().await?;
    let rows: Vec<_> = rows.into_iter().map(ListedReceiver).collect();
    let list = "alert_receivers";
    let of_row = |row: &ListedReceiver| receiver(&row.0);
    lists::of_rows(&app, list, &call.query, RECEIVER_FIELDS, &rows, of_row).map(Reply::page)
}

fn rule(view: &RuleView) -> v1::AlertRule {
    let alert = match &view.rule {
        CheckedRule::Alert(alert) => Some(alert),
        CheckedRule::Record(_) => None,
    };
    let texts = alert.iter().flat_map(|it| &it.annotations);
    v1::AlertRule {
        id: view.id.clone(),
        kind: kind(view).to_owned(),
        name: view.name.clone(),
        group: view.group.clone(),
        source: view.source.clone(),
        expression: view.expression.clone(),
        interval_seconds: view.interval.duration().as_secs_f64(),
        for_seconds: alert.map(|it| it.hold.duration().as_secs_f64()),
        keep_firing_for_seconds: alert.map(|it| it.keep_firing_for.duration().as_secs_f64()),
        no_data: alert.map(|it| it.no_data.as_str().to_owned()),
        labels: view.labels.clone(),
        annotations: texts.map(|(name, text)| (name.clone(), text.source().to_owned())).collect(),
        health: health(view).to_owned(),
        reason: match &view.health {
            RuleHealth::Failed(reason) => Some(reason.clone()),
            RuleHealth::New | RuleHealth::Ok | RuleHealth::NoData => None,
        },
        evaluated_at: view.evaluated_at.map(Time),
        took_seconds: view.took.map(|took| took.as_secs_f64()),
        state: state(view).map(str::to_owned),
        pending: view.pending as u64,
        firing: view.firing as u64,
        written: alert.is_none().then_some(view.written as u64),
    }
}

const fn kind(view: &RuleView) -> &'static str {
    match &view.rule {
        CheckedRule::Alert(_) => "alert",
        CheckedRule::Record(_) => "record",
    }
}

const fn health(view: &RuleView) -> &'static str {
    match &view.health {
        RuleHealth::New => "new",
        RuleHealth::Ok => "ok",
        RuleHealth::NoData => "no_data",
        RuleHealth::Failed(_) => "failed",
    }
}

fn state(view: &RuleView) -> Option<&'static str> {
    match (&view.rule, view.firing, view.pending) {
        (CheckedRule::Record(_), ..) => None,
        (_, 0, 0) => Some("inactive"),
        (_, 0, _) => Some("pending"),
        _ => Some("firing"),
    }
}

fn receiver(view: &ReceiverView) -> v1::AlertReceiver {
    v1::AlertReceiver {
        name: view.name.clone(),
        kind: view.kind.to_owned(),
        waiting: view.waiting,
        delivered: view.delivered,
        failed: view.failed,
        lost: view.lost,
        delivered_at: view.delivered_at.map(Time),
        failed_at: view.failed_at.map(Time),
        failure: view.failure.clone(),
    }
}

/// A rule as a row of a list.
struct Listed {
    /// Its place where nobody asks for another order: as it is written.
    order: usize,
    view: RuleView,
}

impl Row for Listed {
    fn id(&self) -> String {
        self.view.id.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        let view = &self.view;
        match field {
            "name" => view.name.as_str().into(),
            "kind" => kind(view).into(),
            "group" => view.group.as_str().into(),
            "source" => view.source.as_str().into(),
            "health" => health(view).into(),
            "state" => state(view).into(),
            "order" => (self.order as u64).into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let view = &self.view;
        [&view.name, &view.group, &view.expression]
            .iter()
            .any(|it| it.to_lowercase().contains(needle))
    }
}

/// A receiver as a row of a list.
struct ListedReceiver(ReceiverView);

impl Row for ListedReceiver {
    fn id(&self) -> String {
        self.0.name.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.0.name.as_str().into(),
            "kind" => self.0.kind.into(),
            "waiting" => self.0.waiting.into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.0.name.to_lowercase().contains(needle)
    }
}
