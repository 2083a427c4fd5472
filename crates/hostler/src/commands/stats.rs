//! `hostler vm stats`, `hostler host stats`: what was last measured, for people.
//! The figures that most look for come first, then all of them.

use hostler_api::v1::{Figure, Measured, MeasuredPass};

use crate::output::{Cell, Column, Resource, View, opt, text};
use crate::terminal::Tone;
use crate::text::{printable, show_duration, show_size};

/// What every metric's name begins with, which says nothing here.
const PREFIXES: [&str; 3] = ["hostler_vm_", "hostler_host_", "hostler_"];

impl Resource for Measured {
    const NOUN: &'static str = "measurement";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |it, _| text(it.of.name.as_str())),
        Column::new("cpu", |it, _| {
            first(it, &["hostler_vm_cpu_usage_ratio", "hostler_host_cpu_usage_ratio"])
        }),
        Column::new("memory-used", |it, _| first(it, &["hostler_vm_memory_guest_used_ratio"])),
        Column::new("disk-read", |it, _| speed(it, "hostler_vm_disk_read_bytes_total")),
        Column::new("disk-written", |it, _| speed(it, "hostler_vm_disk_written_bytes_total")),
        Column::new("received", |it, _| speed(it, "hostler_vm_network_received_bytes_total")),
        Column::new("sent", |it, _| speed(it, "hostler_vm_network_sent_bytes_total")),
        Column::new("quality", |it, _| quality(it)),
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
        self.passes.iter().map(|pass| (title(&pass.pass), table(pass, view))).collect()
    }
}

fn title(pass: &str) -> &'static str {
    match pass {
        "state" => "State and network",
        "stats" => "Use",
        "job" => "Job",
        "guest" => "Guest agent",
        _ => "Others",
    }
}

/// The figures of passes that can still be told as present.
fn present(measured: &Measured) -> impl Iterator<Item = &Figure> {
    let passes = measured.passes.iter().filter(|pass| pass.quality == "ok");
    passes.flat_map(|pass| &pass.figures)
}

/// The first of these metrics that was measured.
fn first(measured: &Measured, metrics: &[&str]) -> Cell {
    let named = |metric: &&str| present(measured).find(|figure| figure.metric == **metric);
    opt(metrics.iter().find_map(named).map(|figure| value(figure, figure.value)))
}

/// How fast a counter of all devices grows together; none where one is not known.
fn speed(measured: &Measured, metric: &str) -> Cell {
    let rates = present(measured).filter(|figure| figure.metric == metric);
    let rates: Vec<Option<f64>> = rates.map(|figure| figure.per_second).collect();
    let sum: Option<f64> = rates.iter().copied().sum();
    opt(sum.filter(|_| !rates.is_empty()).map(|sum| format!("{}/s", size(sum))))
}

/// The worst quality of all passes.
fn quality(measured: &Measured) -> Cell {
    let Some(bad) = measured.passes.iter().find(|pass| pass.quality != "ok") else {
        return text(if measured.passes.is_empty() { "not measured" } else { "ok" });
    };
    let reason = bad.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    text(format!("{}{reason}", bad.quality)).toned(Tone::Warn)
}

/// All figures of a pass.
fn table(pass: &MeasuredPass, view: &View<'_>) -> String {
    let rows: Vec<[String; 3]> = pass.figures.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let (names, values) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    let age = pass.age_seconds.map(|age| std::time::Duration::from_secs_f64(age.max(0.0)));
    let age =
        age.map_or_else(|| "never read".to_owned(), |age| format!("{} ago", show_duration(age)));
    let reason = pass.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let by = match pass.by.kind.as_str() {
        "provider" => String::new(),
        kind => format!(" by {kind} {}", pass.by.name),
    };
    let head = printable(&format!("{}{by}, {age}{reason}", pass.quality));
    let tone = if pass.quality == "ok" { Tone::Weak } else { Tone::Warn };
    let mut text = view.terminal.paint(tone, &head);
    for [name, value, rate] in &rows {
        let line = format!("\n{name:<names$}  {value:>values$}  {rate}");
        text.push_str(line.trim_end());
    }
    text
}

fn row(figure: &Figure) -> [String; 3] {
    let short = PREFIXES.iter().find_map(|prefix| figure.metric.strip_prefix(prefix));
    let mut name = short.unwrap_or(&figure.metric).to_owned();
    if !figure.labels.is_empty() {
        let labels = figure.labels.iter().map(|(label, value)| format!("{label}={value}"));
        name = format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","));
    }
    let rate = figure.per_second.map(|rate| format!("{}/s", value(figure, rate)));
    [printable(&name), value(figure, figure.value), rate.unwrap_or_default()]
}

/// A value in the unit that the metric's name ends in.
fn value(figure: &Figure, value: f64) -> String {
    let name = figure.metric.strip_suffix("_total").unwrap_or(&figure.metric);
    if name.ends_with("_bytes") {
        size(value)
    } else if name.ends_with("_ratio") {
        format!("{:.1} %", value * 100.0)
    } else if name.ends_with("_seconds") {
        format!("{value:.2} s")
    } else if value.fract() == 0.0 {
        format!("{value}")
    } else {
        format!("{value:.2}")
    }
}

/// A size that people read.
pub(super) fn size(bytes: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes that people read; casts from floats stay within the type"
    )]
    show_size(bytes.max(0.0).round() as u64)
}
