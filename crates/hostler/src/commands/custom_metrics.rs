//! `hostler metric`: what users measure themselves and push.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{Nothing, Time, v1};
use hostler_client::Terms;
use hostler_core::Timestamp;

use super::{DryRunArg, ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, count, reference, text};
use crate::terminal::Tone;
use crate::text::show_duration;

/// What can be done with metrics of one's own.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the series that are pushed, with their newest values.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler metric list",
        "hostler metric list --filter 'vm=web AND quality=ok' -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Push a value of a metric.
    Push(PushArgs),
}

/// What is pushed.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler metric push backup_age_seconds 3600 --vm web",
    "hostler metric push jobs_done_total 17 --label queue=mail --label shift=night",
    "hostler --token-file pusher.token metric push room_temperature_celsius 21.5"
))]
pub(crate) struct PushArgs {
    /// The metric's name; a counter's ends in `_total`.
    name: String,
    /// Its value.
    #[arg(allow_negative_numbers = true)]
    value: f64,
    /// A label; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// The VM that it is of, by name or id.
    #[arg(long, value_name = "VM", conflicts_with = "host", add = Names::Vm)]
    vm: Option<String>,
    /// The host that it is of, by name or id.
    #[arg(long, value_name = "HOST", add = Names::Host)]
    host: Option<String>,
    /// How its values behave [default: what the name says].
    #[arg(long, value_enum)]
    kind: Option<MetricKind>,
    /// When it was so, for example 2026-12-24T08:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time: Option<Time>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

/// How a metric's values behave.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MetricKind {
    /// Goes up and down.
    Gauge,
    /// Only grows, but for beginning again at 0.
    Counter,
}

fn parse_time(text: &str) -> Result<Time, String> {
    text.parse::<Timestamp>().map(Time)
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list } => {
            let once = WatchArg::default();
            super::list::<v1::CustomMetricList, _>(app, Nothing {}, &list, once).await
        }
        Verb::Push(args) => push(app, args).await,
    }
}

async fn push(app: &App, args: PushArgs) -> Result {
    let PushArgs { name, value, labels, vm, host, kind, time, dry_run } = args;
    // The API's documents have no word for these.
    if !value.is_finite() {
        let why = format!("{value} is no value that can be pushed");
        return Err(Failure::usage(why).with_hint("leave out what has no value"));
    }
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for label in &labels {
        let (key, value) = label
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{label}` is no label; write KEY=VALUE")))?;
        if given.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::usage(format!("the label `{key}` is given twice")));
        }
    }
    let of = match (&vm, &host) {
        (Some(vm), _) => format!(" of VM \"{vm}\""),
        (None, Some(host)) => format!(" of host \"{host}\""),
        (None, None) => String::new(),
    };
    let shown = named(&name, &given);
    if dry_run.tell(app, &[format!("+ {shown}{of} = {value}")])? {
        return Ok(());
    }
    let kind = kind.map(|kind| match kind {
        MetricKind::Gauge => "gauge".to_owned(),
        MetricKind::Counter => "counter".to_owned(),
    });
    let sample = v1::CustomMetricSample { name, kind, labels: given, value, time, vm, host };
    let body = v1::CustomMetricRequest { samples: vec![sample] };
    let answer = app
        .client()?
        .ask::<v1::CustomMetricPush>(&Nothing {}, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during("cannot push the metric"))?;
    let view = app.view()?;
    if view.is_document() {
        return view.document(&answer.json);
    }
    let v1::CustomMetricPushed { accepted, kept, series, series_max } = answer.value;
    app.say(format!("{shown}{of} pushed; you have {series} of {series_max} series"));
    if kept.is_some_and(|kept| kept < accepted) {
        app.say("note: it is not in the history, which had no room for it or has one of that time");
    }
    Ok(())
}

/// A series as Prometheus writes it.
fn named(name: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value:?}"));
    format!("{name}{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

impl Resource for v1::CustomSeries {
    const NOUN: &'static str = "metric";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |it, _| text(it.name.as_str())),
        Column::new("labels", |it, _| {
            let pairs = it.labels.iter().map(|(key, value)| format!("{key}={value}"));
            text(pairs.collect::<Vec<_>>().join(","))
        }),
        Column::new("vm", |it, _| reference(it.vm.as_ref())),
        Column::new("host", |it, _| reference(it.host.as_ref())),
        Column::new("value", |it, _| count(it.value)),
        Column::new("age", |it, _| age(it)),
        Column::new("quality", |it, _| {
            let tone = if it.quality == "ok" { Tone::Plain } else { Tone::Warn };
            text(it.quality.as_str()).toned(tone)
        }),
        Column::new("by", |it, _| text(it.pushed_by.as_str())),
        Column::wide("kind", |it, _| text(it.kind.as_str())),
        Column::wide("observed", |it, _| text(it.observed_at.to_string())),
    ];

    fn id(&self) -> String {
        named(&self.name, &self.labels)
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }
}

/// By the server's word: its clock and ours may differ.
fn age(it: &v1::CustomSeries) -> Cell {
    let age = Duration::try_from_secs_f64(it.age_seconds).unwrap_or_default();
    Cell { text: Some(show_duration(age)), ..text(it.age_seconds.to_string()) }
}
