//! `hostler vm outlook`, `hostler host outlook`, `hostler pool outlook`: what will be, how
//! sure that is, and what nothing can be said of.

use std::time::Duration;

use clap::Args;
use hostler_api::v1::{
    Anomaly, Outlook, OutlookMissing, OutlookResource, OutlookSize, OutlookTerms, TimeToFull,
};
use hostler_api::{Endpoint, Nothing, Time};
use hostler_client::{Client, Item, Terms};

use super::stats;
use crate::app::App;
use crate::failure::Result;
use crate::output::{Cell, Column, Resource, View, opt, text};
use crate::terminal::Tone;
use crate::text::{parse_duration, printable, show_duration};

/// How far ahead.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutlookArgs {
    /// How far ahead, from 1h to 90d; 7d when not given. Further ahead takes more history.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    horizon: Option<Duration>,
}

/// Shows the outlook of what `path` names.
pub(super) async fn show<S>(app: &App, client: &Client, path: S::Path, args: OutlookArgs) -> Result
where
    S: Endpoint<Query = OutlookTerms, Body = Nothing, Reply = Outlook>,
    S::Path: Sync,
{
    // What is too much for the API is refused there, with what is possible.
    let seconds = |horizon: Duration| u32::try_from(horizon.as_secs()).unwrap_or(u32::MAX);
    let query = OutlookTerms { horizon_seconds: args.horizon.map(seconds) };
    let answer = client.ask::<S>(&path, &query, &Nothing {}, &Terms::default()).await?;
    super::view_one(app, &Item { value: answer.value, json: answer.json })
}

impl Resource for Outlook {
    const NOUN: &'static str = "outlook";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |it, _| text(it.of.name.as_str())),
        Column::new("horizon", |it, _| text(ahead(it))),
        Column::new("full-next", |it, _| full_next(it)),
        Column::new("unusual", |it, _| unusual(it)),
        Column::new("size", |it, _| text(sizes(it))),
        Column::wide("computed-at", |it, _| opt(Some(it.computed_at))),
    ];

    fn id(&self) -> String {
        self.of.id.clone()
    }

    fn name(&self) -> String {
        self.of.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let mut tables = vec![("Resources", resources(self))];
        let told = self.resources.iter();
        let unusual =
            told.clone().flat_map(|it| it.anomalies.iter().map(|of| anomaly(self, it, of)));
        let tested = told.clone().flat_map(errors);
        let sizing = self.sizing.iter().map(size);
        let mut missing: Vec<String> = told.clone().flat_map(not_told).collect();
        if self.left_out > 0 {
            missing.push(format!("{} more series: there are too many", self.left_out));
        }
        let lines = |lines: Vec<String>| lines.iter().map(|it| printable(it)).collect::<Vec<_>>();
        for (title, all) in [
            ("Unusual", lines(unusual.collect())),
            ("Sizes", lines(sizing.collect())),
            ("Errors on the past", lines(tested.collect())),
            ("Not told", lines(missing)),
        ] {
            let tone = match title {
                "Unusual" => Tone::Warn,
                "Not told" => Tone::Weak,
                _ => Tone::Plain,
            };
            let painted = all.iter().map(|line| view.terminal.paint(tone, line));
            tables.push((title, painted.collect::<Vec<_>>().join("\n")));
        }
        tables.retain(|(_, table)| !table.is_empty());
        tables
    }
}

fn ahead(outlook: &Outlook) -> String {
    show_duration(Duration::from_secs(outlook.horizon_seconds.into()))
}

/// A resource with what tells it from others: `filesystem /`.
fn called(resource: &OutlookResource) -> String {
    let which = resource.labels.get("mountpoint").map(|at| format!(" {at}")).unwrap_or_default();
    format!("{}{which}", resource.resource)
}

fn value(unit: &str, value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let amount = value.abs();
    match unit {
        "ratio" => format!("{value:.1} %", value = value * 100.0),
        "bytes" => format!("{sign}{}", stats::size(amount)),
        "bytes_per_second" => format!("{sign}{}/s", stats::size(amount)),
        "count_per_second" => format!("{value:.1}/s"),
        _ => format!("{value:.1}"),
    }
}

/// From the moment it was computed until then.
fn until(outlook: &Outlook, time: Time) -> String {
    show_duration(time.0.since(outlook.computed_at.0))
}

fn full(outlook: &Outlook, full: &TimeToFull) -> String {
    let at = |time: Option<Time>| time.map(|time| until(outlook, time));
    match (full.state.as_str(), at(full.earliest), at(full.likely)) {
        ("filling", Some(earliest), Some(likely)) => match at(full.latest) {
            Some(latest) => format!("{likely} ({earliest} to {latest})"),
            None => format!("{likely} ({earliest} or later)"),
        },
        ("full", ..) => "full".to_owned(),
        ("not_within_horizon", ..) => format!("not in {}", ahead(outlook)),
        (other, ..) => other.to_owned(),
    }
}

/// What is full first.
fn full_next(outlook: &Outlook) -> Cell {
    let told = |it: &OutlookResource| {
        let full = it.time_to_full.as_ref()?;
        // What is full already is first of all.
        let likely = if full.state == "full" { None } else { Some(full.likely?) };
        Some((likely, called(it)))
    };
    match outlook.resources.iter().filter_map(told).min() {
        Some((None, name)) => text(format!("{name}: full")).toned(Tone::Bad),
        Some((Some(likely), name)) => {
            text(format!("{name} in {}", until(outlook, likely))).toned(Tone::Warn)
        }
        None => Cell::default(),
    }
}

fn unusual(outlook: &Outlook) -> Cell {
    let has = |it: &&OutlookResource| !it.anomalies.is_empty();
    let names: Vec<String> = outlook.resources.iter().filter(has).map(called).collect();
    text(names.join(", ")).toned(Tone::Warn)
}

fn sizes(outlook: &Outlook) -> String {
    let change = |it: &OutlookSize| {
        let (has, to) = (it.has?, it.suggested?);
        Some(format!("{} {} to {}", noun(it), amount(it, has), amount(it, to)))
    };
    outlook.sizing.iter().filter_map(change).collect::<Vec<_>>().join(", ")
}

fn noun(size: &OutlookSize) -> &str {
    match size.of.as_str() {
        "cpu_count" => "vCPUs",
        "memory_bytes" => "memory",
        other => other,
    }
}

fn amount(size: &OutlookSize, value: u64) -> String {
    if size.of == "memory_bytes" { crate::text::show_size(value) } else { value.to_string() }
}

fn size(it: &OutlookSize) -> String {
    let has = it.has.map_or_else(|| "unknown".to_owned(), |has| amount(it, has));
    let reason = it.reason.as_deref().unwrap_or("neither nearly all of it is used nor hardly any");
    let to = it.suggested.map(|to| format!(", {} would fit", amount(it, to))).unwrap_or_default();
    let verdict = match it.verdict.as_str() {
        "fits" => ", fits",
        "host_short" => ", the host is short",
        "unknown" => ", not known",
        _ => "",
    };
    format!("{} {has}{verdict}{to}: {reason}", noun(it))
}

/// A line for each resource.
fn resources(outlook: &Outlook) -> String {
    let head = ["resource", "now", "of", "a day", "full in"].map(str::to_owned);
    let head = head.into_iter().chain([format!("in {}", ahead(outlook))]);
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    rows.extend(outlook.resources.iter().map(|it| row(outlook, it)));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count()).max()
    };
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(outlook: &Outlook, it: &OutlookResource) -> Vec<String> {
    let none = || "-".to_owned();
    let amount = |of: Option<f64>| of.map_or_else(none, |of| value(&it.unit, of));
    let trend = it.trend.as_ref().map(|of| {
        let sign = if of.per_day > 0.0 { "+" } else { "" };
        format!("{sign}{}", value(&it.unit, of.per_day))
    });
    let full = it.time_to_full.as_ref().map(|of| full(outlook, of));
    let forecast = it.forecast.as_ref().map(|of| {
        let [expected, low, high] = [of.value, of.low, of.high].map(|of| value(&it.unit, of));
        format!("{expected} ({low} to {high}), {}", of.model)
    });
    vec![
        printable(&called(it)),
        amount(it.recent),
        amount(it.limit),
        trend.unwrap_or_else(none),
        full.unwrap_or_else(none),
        forecast.unwrap_or_else(none),
    ]
}

fn anomaly(outlook: &Outlook, resource: &OutlookResource, it: &Anomaly) -> String {
    let [seen, low, high] =
        [it.seen, it.expected_low, it.expected_high].map(|of| value(&resource.unit, of));
    let kind = match it.kind.as_str() {
        "hour_of_day" => "at this hour",
        "level" => "as a level",
        other => other,
    };
    let long = show_duration(outlook.computed_at.0.since(it.since.0));
    format!("{}: {seen} where {low} to {high} is usual {kind}, for {long}", called(resource))
}

/// How good it was on the past.
fn errors(it: &OutlookResource) -> Vec<String> {
    let amount = |of: f64| value(&it.unit, of);
    let tested = |full: &TimeToFull| {
        let test = full.back_test.as_ref()?;
        let ahead = show_duration(Duration::from_secs(test.ahead_seconds.into()));
        Some(format!(
            "{}, full in: lines were off by {} after {ahead}, and to expect no change by {}; {} trials",
            called(it),
            amount(test.mean_error),
            amount(test.naive_error),
            test.trials
        ))
    };
    let forecast = it.forecast.as_ref().map(|of| {
        let test = &of.back_test;
        format!(
            "{}, forecast: off by {}, and to expect no change by {}; its range held {:.0} %; {} trials",
            called(it),
            amount(test.mean_error),
            amount(test.naive_error),
            test.held * 100.0,
            test.trials
        )
    });
    it.time_to_full.as_ref().and_then(tested).into_iter().chain(forecast).collect()
}

/// What of a resource is not told: once for each reason.
fn not_told(it: &OutlookResource) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for OutlookMissing { of, reason, .. } in &it.missing {
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, all)) => all.push(of),
            None => by_reason.push((reason, vec![of])),
        }
    }
    let line = |(reason, of): (&str, Vec<&str>)| {
        let of = of.join(", ").replace('_', " ").replace('.', " by ");
        format!("{}, {of}: {reason}", called(it))
    };
    by_reason.into_iter().map(line).collect()
}
