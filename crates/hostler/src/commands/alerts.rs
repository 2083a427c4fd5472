//! `hostler alert`: what is wrong now, who cares for it, and what happened.

use clap::{Args, Subcommand};
use hostler_api::{LIMIT_MAX, ListQuery, Nothing, v1};
use hostler_client::{Client, Item, Terms};

use super::{DryRunArg, ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, View, age, count, list, opt, text};
use crate::select::quote;
use crate::terminal::Tone;
use crate::text::printable;

/// How many lines a history shows when nobody says.
const HISTORY_DEFAULT: u32 = 100;
/// How much of an id is shown where there is little room; enough of it to name the alert.
const SHORT: usize = 8;
/// The shortest beginning of an id that names an alert.
const PREFIX_MIN: usize = 4;
/// How many digits an id has.
const ID_DIGITS: usize = 32;

/// What can be done with alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List alerts that are pending or fire, the gravest first.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler alert list",
        "hostler alert list --filter 'severity=critical AND acknowledged=false'",
        "hostler alert list --filter 'label.vm=web-1' -o wide",
        "hostler alert list --watch"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show an alert: its labels, what it says, and whom it is told to.
    #[command(after_long_help = examples!(
        "hostler alert show HostDown",
        "hostler alert show 3f9a17c2 -o json"
    ))]
    Show {
        /// Its id, the beginning of it, or its name where one alone has it.
        #[arg(add = Names::Alert)]
        alert: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Say that you care for alerts: they are not told again until they are over.
    #[command(visible_alias = "ack")]
    #[command(after_long_help = examples!(
        "hostler alert acknowledge HostDown --comment 'on my way'",
        "hostler alert list -q --filter label.host=h1 | xargs hostler alert ack"
    ))]
    Acknowledge {
        #[command(flatten)]
        alerts: Alerts,
        /// What to say with it.
        #[arg(short, long, value_name = "TEXT", default_value = "")]
        comment: String,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Take back that you care for alerts.
    #[command(visible_alias = "unack")]
    #[command(after_long_help = examples!("hostler alert unacknowledge HostDown"))]
    Unacknowledge {
        #[command(flatten)]
        alerts: Alerts,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// List what happened to alerts, newest first.
    #[command(after_long_help = examples!(
        "hostler alert history",
        "hostler alert history HostDown --limit 20",
        "hostler alert history --filter change=resolved -o csv"
    ))]
    History {
        /// Of this alert: its whole id, or the name of its rule.
        #[arg(add = Names::Alert)]
        alert: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// List the rules that alerts come from, with how evaluating them goes.
    #[command(visible_alias = "rule")]
    #[command(after_long_help = examples!(
        "hostler alert rules",
        "hostler alert rules --filter health=failed -o wide"
    ))]
    Rules {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// List who is told about alerts, with how delivering goes.
    #[command(visible_alias = "receiver")]
    #[command(after_long_help = examples!("hostler alert receivers", "hostler alert receivers -o wide"))]
    Receivers {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
}

/// Which alerts.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Their ids, beginnings of ids, or names where one alone has it.
    #[arg(required = true, value_name = "ALERT", add = Names::Alert)]
    alerts: Vec<String>,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::AlertList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { alert, watch } => {
            let client = app.client()?;
            let path = v1::AlertPath { alert: find(&client, &alert).await?.value.id };
            super::show::<v1::AlertShow, _>(app, &client, path, watch).await
        }
        Verb::Acknowledge { alerts, comment, dry_run } => {
            let body = v1::AcknowledgeRequest { comment };
            change(app, &alerts, dry_run, "acknowledged", async |client, path| {
                let terms = Terms::default();
                client.ask::<v1::AlertAcknowledge>(&path, &Nothing {}, &body, &terms).await?;
                Ok(())
            })
            .await
        }
        Verb::Unacknowledge { alerts, dry_run } => {
            change(app, &alerts, dry_run, "not acknowledged any more", async |client, path| {
                let (none, terms) = (Nothing {}, Terms::default());
                client.ask::<v1::AlertUnacknowledge>(&path, &none, &Nothing {}, &terms).await?;
                Ok(())
            })
            .await
        }
        Verb::History { alert, mut list } => {
            list.limit = list.limit.or(Some(HISTORY_DEFAULT));
            list.filter = narrowed(alert.as_deref(), list.filter);
            let watch = WatchArg::default();
            super::list::<v1::AlertHistory, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Rules { list, watch } => {
            super::list::<v1::AlertRuleList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Receivers { list, watch } => {
            super::list::<v1::AlertReceiverList, _>(app, Nothing {}, &list, watch).await
        }
    }
}

/// The filter, for this alert alone.
fn narrowed(alert: Option<&str>, filter: Option<String>) -> Option<String> {
    let Some(alert) = alert else { return filter };
    let field = if is_id(alert) { "alert" } else { "name" };
    let narrow = format!("{field}={}", quote(alert));
    Some(match filter.filter(|filter| !filter.trim().is_empty()) {
        Some(filter) => format!("{narrow} AND {filter}"),
        None => narrow,
    })
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Changes several alerts, one after the other. All are found before the first is changed.
async fn change(
    app: &App,
    alerts: &Alerts,
    dry_run: DryRunArg,
    done: &str,
    change: impl AsyncFn(&Client, v1::AlertPath) -> Result<(), hostler_client::Error>,
) -> Result {
    let client = app.client()?;
    let all = read_all(&client).await?;
    let mut found: Vec<&v1::Alert> = Vec::new();
    for wanted in &alerts.alerts {
        let alert = &pick(&all, wanted)?.value;
        if !found.iter().any(|known| known.id == alert.id) {
            found.push(alert);
        }
    }
    let lines: Vec<String> =
        found.iter().map(|alert| format!("~ {}: {done}", called(alert))).collect();
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    let mut failed = Vec::new();
    for alert in &found {
        match change(&client, v1::AlertPath { alert: alert.id.clone() }).await {
            Ok(()) => app.say(format!("{}: {done}", called(alert))),
            Err(error) => failed.push(Failure::from(error).during(called(alert))),
        }
    }
    match (failed.len(), found.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(failed.remove(0)),
        (count, all) => {
            failed.iter().for_each(|failure| failure.print(&app.terminal));
            Err(Failure::new(1, format!("{count} of {all} alerts could not be changed")))
        }
    }
}

/// An alert for messages: names alone are shared by many.
fn called(alert: &v1::Alert) -> String {
    format!("alert \"{}\" ({})", alert.name, short(&alert.id))
}

fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}

async fn read_all(client: &Client) -> Result<Vec<Item<v1::Alert>>> {
    let query = ListQuery { limit: Some(LIMIT_MAX), ..ListQuery::default() };
    Ok(client.pages::<v1::AlertList, _>(Nothing {}, query).all(None).await?.items)
}

/// The alert that `wanted` names.
pub(super) async fn find(client: &Client, wanted: &str) -> Result<Item<v1::Alert>> {
    let all = read_all(client).await?;
    let id = pick(&all, wanted)?.value.id.clone();
    let found = all.into_iter().find(|alert| alert.value.id == id);
    found.ok_or_else(|| crate::resolve::unknown("alert", wanted, std::iter::empty()))
}

fn pick<'i>(all: &'i [Item<v1::Alert>], wanted: &str) -> Result<&'i Item<v1::Alert>> {
    let begin = wanted.to_ascii_lowercase();
    let is_begin = begin.len() >= PREFIX_MIN && begin.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = |alert: &&Item<v1::Alert>| {
        alert.value.name == wanted || (is_begin && alert.value.id.starts_with(&begin))
    };
    let found: Vec<&Item<v1::Alert>> = all.iter().filter(fits).collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let names = all.iter().map(|alert| alert.value.name.as_str());
            Err(crate::resolve::unknown("alert", wanted, names))
        }
        several => {
            let told: Vec<String> = several
                .iter()
                .map(|alert| format!("{} ({})", short(&alert.value.id), alert.value.summary))
                .collect();
            let hint = "name the alert by its id, or the beginning of it";
            Err(crate::resolve::ambiguous(wanted, &told).with_hint(hint))
        }
    }
}

impl Resource for v1::Alert {
    const NOUN: &'static str = "alert";
    const STALE: &'static str =
        "note: a rule could not be evaluated; alerts of it may be missing or old";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("id", |alert, _| shortened(&alert.id)),
        Column::new("severity", |alert, _| severity(alert)),
        Column::new("state", |alert, _| text(alert.state.as_str())),
        Column::new("name", |alert, _| text(alert.name.as_str())),
        Column::new("since", |alert, now| {
            age(Some(alert.firing_since.unwrap_or(alert.active_since)), now)
        }),
        Column::new("muted", |alert, _| muted(alert)),
        Column::new("acknowledged", |alert, _| {
            opt(alert.acknowledged.as_ref().map(|acknowledged| &acknowledged.by))
        }),
        Column::new("summary", |alert, _| text(alert.summary.as_str())),
        Column::wide("value", |alert, _| opt(alert.value)),
        Column::wide("no-data", |alert, now| age(alert.no_data_since, now)),
        Column::wide("receivers", |alert, _| list(&alert.receivers)),
        Column::wide("group", |alert, _| text(alert.rule.group.as_str())),
        Column::wide("labels", |alert, _| text(labels(&alert.labels).join(","))),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn details(&self, _view: &View<'_>) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        let mut add = |title, lines: Vec<String>| {
            let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
            if !lines.is_empty() {
                parts.push((title, lines.join("\n")));
            }
        };
        add("What is wrong", self.description.iter().cloned().collect());
        add("What to do", self.runbook_url.iter().cloned().collect());
        add("Labels", labels(&self.labels));
        if let Some(acknowledged) = &self.acknowledged {
            let by = format!("by {} at {}", acknowledged.by, acknowledged.at);
            let said = Some(acknowledged.comment.clone()).filter(|said| !said.is_empty());
            add("Acknowledged", [Some(by), said].into_iter().flatten().collect());
        }
        add("Silenced by", self.silenced_by.clone());
        add("Not told while this fires", self.inhibited_by.iter().cloned().collect());
        add("Other texts", labels(&self.annotations));
        parts
    }
}

/// The beginning of an id for people, the whole of it for programs.
fn shortened(id: &str) -> Cell {
    Cell { text: Some(short(id)), ..text(id) }
}

fn severity(alert: &v1::Alert) -> Cell {
    let tone = match (alert.state.as_str(), alert.severity.as_deref()) {
        ("firing", Some("critical")) => Tone::Bad,
        ("firing", Some("warning")) => Tone::Warn,
        _ => Tone::Plain,
    };
    opt(alert.severity.as_ref()).toned(tone)
}

/// Why it is told to nobody, if so.
fn muted(alert: &v1::Alert) -> Cell {
    match (alert.silenced_by.is_empty(), &alert.inhibited_by) {
        (false, _) => text("silenced"),
        (true, Some(_)) => text("inhibited"),
        (true, None) => Cell::default(),
    }
}

fn labels(labels: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

impl Resource for v1::AlertEntry {
    const NOUN: &'static str = "line in the history of alerts";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("at", |entry, _| text(entry.at.to_string())),
        Column::new("change", |entry, _| change_of(entry)),
        Column::new("name", |entry, _| text(entry.name.as_str())),
        Column::new("by", |entry, _| opt(entry.by.as_ref())),
        Column::new("summary", |entry, _| text(entry.summary.as_str())),
        Column::wide("comment", |entry, _| opt(entry.comment.as_ref())),
        Column::wide("value", |entry, _| opt(entry.value)),
        Column::wide("labels", |entry, _| text(labels(&entry.labels).join(","))),
        Column::wide("alert", |entry, _| text(entry.alert.as_str())),
        Column::wide("seq", |entry, _| count(entry.seq)),
    ];

    fn id(&self) -> String {
        self.seq.to_string()
    }
}

/// What happened, and where it ended for another reason than that it is over, why.
fn change_of(entry: &v1::AlertEntry) -> Cell {
    let because = entry.cause.as_deref().filter(|cause| *cause != "over");
    let because = because.map(|cause| format!(" ({})", cause.replace('_', " ")));
    text(format!("{}{}", entry.change, because.unwrap_or_default()))
}

impl Resource for v1::AlertRule {
    const NOUN: &'static str = "alert rule";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |rule, _| text(rule.name.as_str())),
        Column::new("kind", |rule, _| text(rule.kind.as_str())),
        Column::new("group", |rule, _| text(rule.group.as_str())),
        Column::new("health", |rule, _| {
            let tone = if rule.health == "failed" { Tone::Bad } else { Tone::Plain };
            text(rule.health.replace('_', " ")).toned(tone)
        }),
        Column::new("state", |rule, _| opt(rule.state.as_ref())),
        Column::new("firing", |rule, _| count(rule.firing)),
        Column::new("pending", |rule, _| count(rule.pending)),
        Column::new("evaluated", |rule, now| age(rule.evaluated_at, now)),
        Column::new("reason", |rule, _| opt(rule.reason.as_ref())),
        Column::wide("took-seconds", |rule, _| opt(rule.took_seconds)),
        Column::wide("for-seconds", |rule, _| opt(rule.for_seconds)),
        Column::wide("source", |rule, _| text(rule.source.as_str())),
        Column::wide("expression", |rule, _| text(rule.expression.as_str())),
        Column::wide("id", |rule, _| text(rule.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Resource for v1::AlertReceiver {
    const NOUN: &'static str = "receiver of alerts";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |receiver, _| text(receiver.name.as_str())),
        Column::new("kind", |receiver, _| text(receiver.kind.as_str())),
        Column::new("waiting", |receiver, _| count(receiver.waiting)),
        Column::new("delivered", |receiver, _| count(receiver.delivered)),
        Column::new("failed", |receiver, _| count(receiver.failed)),
        Column::new("lost", |receiver, _| {
            let tone = if receiver.lost > 0 { Tone::Bad } else { Tone::Plain };
            count(receiver.lost).toned(tone)
        }),
        Column::new("failure", |receiver, _| opt(receiver.failure.as_ref()).toned(Tone::Warn)),
        Column::wide("delivered-last", |receiver, now| age(receiver.delivered_at, now)),
        Column::wide("failed-last", |receiver, now| age(receiver.failed_at, now)),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_narrowed_by_id_or_by_name() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(narrowed(Some(id), None).unwrap(), format!("alert=\"{id}\""));
        assert_eq!(
            narrowed(Some("Host\"Down"), Some("change=fired".into())).unwrap(),
            "name=\"Host\\\"Down\" AND change=fired"
        );
        assert_eq!(narrowed(None, Some("a=b".into())).unwrap(), "a=b");
        assert_eq!(narrowed(Some("A"), Some(" ".into())).unwrap(), "name=\"A\"");
    }
}
