//! The shipped dashboards before the real Prometheus: of an hour in which everything of the
//! catalogue was measured, every panel shows something, and what our own evaluation says is
//! the same.

use hostler_core::metrics::series::{Sample, SeriesData, SeriesKey};
use hostler_core::metrics::{Metric, MetricKind, Resource};

use super::data::{Data, START_MS};
use super::prometheus::Prometheus;
use super::{Findings, LIMITS, Query, of_series, of_value, seconds, theirs};
use crate::dashboards::{Asked, BESIDE, all, filled};

const LENGTH_MS: i64 = 3_600_000;
const EVERY_MS: i64 = 15_000;
/// The VM and the host that are looked at.
const VM: &str = "vm-1";
const HOST: &str = "h1";

/// Labels of the things that there are, in the order of [`hostler_core::metrics::Resource`].
fn owners(metric: Metric) -> Vec<Vec<(&'static str, &'static str)>> {
    let at = |host| [("host", host), ("provider", "lab")];
    let vm = |vm, id, host| {
        [vec![("vm", vm), ("vm_id", id), ("project", "default")], at(host).to_vec()].concat()
    };
    match metric.family().resource {
        // A name with a quote, and one VM that was on both hosts.
        Resource::Vm => vec![vm("we\"b", VM, "h1"), vm("db", "vm-2", "h1"), vm("db", "vm-2", "h2")],
        Resource::Host => vec![at("h1").to_vec(), at("h2").to_vec()],
        Resource::Pool => vec![[vec![("pool", "default")], at("h1").to_vec()].concat()],
        Resource::Container => vec![vec![
            ("container", "cache"),
            ("container_id", "c1"),
            ("host", "h1"),
            ("engine", "podman"),
        ]],
        Resource::Provider => vec![vec![("provider", "lab"), ("simulated", "true")]],
        Resource::None => vec![vec![]],
    }
}

/// Values of a label that queries ask for, or that tell series apart.
fn values(name: &str, label: &str) -> &'static [&'static str] {
    match (name, label) {
        ("hostler_vm_state" | "hostler_vms", _) => &["running", "crashed", "unknown", "migrating"],
        ("hostler_op_state", _) => &["running", "needs_attention"],
        ("hostler_pool_state", _) => &["running"],
        ("hostler_vm_vcpu_state", "state") => &["running"],
        (_, "mode") => &["user", "idle"],
        (_, "window") => &["1m", "5m", "15m"],
        (_, "resource") => &["cpu", "memory", "io"],
        (_, "share") => &["some", "full"],
        (_, "operation") => &["migration_out", "backup"],
        (_, "part") => &["memory", "disk"],
        (_, "cost") => &["state", "stats"],
        (_, "reason") => &["twice"],
        (_, "status") => &["200", "500"],
        (_, "le") => &["0.1", "1.0", "+Inf"],
        (_, "severity") => &["critical", "warning", "info"],
        (_, "alertstate") => &["firing", "pending"],
        (_, "alertname") => &["HostlerDown"],
        (_, "vm_id") => &[VM],
        (_, "host") => &[HOST],
        (_, "provider") => &["lab"],
        _ => &["0"],
    }
}

/// The labels with each of their values.
fn each(name: &str, labels: &[&'static str]) -> Vec<Vec<(&'static str, &'static str)>> {
    labels.iter().fold(vec![vec![]], |all, label| {
        let with = |one: &Vec<_>| {
            let one = one.clone();
            values(name, label)
                .iter()
                .map(move |value| one.iter().copied().chain([(*label, *value)]).collect::<Vec<_>>())
        };
        all.iter().flat_map(with).collect()
    })
}

/// A value that fits what the metric is, `step` samples after the beginning.
fn value(name: &str, kind: MetricKind, nth: usize, step: f64) -> f64 {
    let more = nth as f64 + 1.0;
    match (name, kind) {
        (_, MetricKind::Counter) => 30.0 * more * step,
        (_, MetricKind::Info) | ("ALERTS" | "up" | "hostler_provider_up", _) => 1.0,
        // One was not reached, one is the state it is in, and a migration does not get on.
        ("hostler_vm_scrape_success", _) => f64::from(u8::from(nth > 0)),
        ("hostler_vm_state" | "hostler_pool_state", _) => {
            f64::from(u8::from(nth.is_multiple_of(4)))
        }
        ("hostler_vm_job_left_bytes", _) => 5e8,
        ("ALERTS_FOR_STATE", _) => (START_MS / 1000) as f64,
        (name, _) if name.ends_with("_ratio") => 0.5 + 0.4 * (step / 9.0).sin(),
        (name, _) if name.contains("available") || name.contains("free") => 5e9 - 1e6 * step,
        // What is full and what is large is larger than what is in use.
        (name, _) if name.contains("capacity") || name.contains("size") => 6e9,
        _ => 1e9 + 1e6 * more * step,
    }
}

fn recorded() -> Data {
    let mut series = Vec::new();
    let mut add = |name: &str, labels: Vec<(&str, &str)>, kind, nth| {
        let scraped = [("instance", "a:7444"), ("job", "hostler")];
        let key = SeriesKey::new(name, labels.into_iter().chain(scraped)).unwrap();
        let samples = (0..LENGTH_MS / EVERY_MS).map(|step| Sample {
            at_ms: START_MS + step * EVERY_MS,
            value: value(name, kind, nth, step as f64),
        });
        series.push(SeriesData { key, samples: samples.collect() });
    };
    for metric in Metric::ALL {
        let family = metric.family();
        let mut nth = 0;
        for owner in owners(*metric) {
            for labels in each(family.name, family.labels) {
                add(family.name, [owner.clone(), labels].concat(), family.kind, nth);
                nth += 1;
            }
        }
    }
    for (name, labels) in BESIDE {
        let is_counter =
            ["_total", "_bucket", "_sum", "_count"].iter().any(|it| name.ends_with(it));
        let kind = if is_counter { MetricKind::Counter } else { MetricKind::Gauge };
        for (nth, labels) in each(name, labels).into_iter().enumerate() {
            add(name, labels, kind, nth);
        }
    }
    Data(series)
}

/// UX 11: of a recorded hour, every query of every dashboard has an answer with the labels that
/// the panel shows; and ours and Prometheus' answers are the same.
#[test]
fn every_panel_shows_something_of_a_recorded_hour() {
    let data = recorded();
    let prometheus = Prometheus::with(&data.0);
    let (from, to) = (START_MS + LENGTH_MS / 2, START_MS + LENGTH_MS - EVERY_MS);
    let mut findings = Findings { asked: 0, refused: 0, empty: 0, differences: Vec::new() };
    let mut faults = Vec::new();
    for Asked { at, text, is_range, labels } in all() {
        let text = filled(&text, HOST, VM);
        let what = format!("{at}: {text}");
        let query = Query::parse(&text).unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let (ours, theirs_told) = if is_range {
            let ours = query.range(&data, from, to, 60_000, &LIMITS()).map(of_series);
            let times = format!("start={}&end={}&step=60", seconds(from), seconds(to));
            (ours, prometheus.ask("query_range", &text, &times))
        } else {
            let ours = query.instant(&data, to, &LIMITS()).map(|value| of_value(value, to));
            (ours, prometheus.ask("query", &text, &format!("time={}", seconds(to))))
        };
        match &theirs_told {
            Err(refused) => faults.push(format!("{what}\n    {refused}")),
            Ok(data) => {
                let found = data["result"].as_array().unwrap();
                if found.is_empty() {
                    faults.push(format!("{what}\n    shows nothing"));
                }
                let lacks = |label: &&String| found.iter().any(|it| it["metric"][label].is_null());
                if let Some(label) = labels.iter().find(lacks) {
                    faults.push(format!("{what}\n    has no {label}"));
                }
            }
        }
        let ours = ours.map_err(|error| error.to_string());
        // Which of equals is among the first is chance.
        findings.compare(&what, ours, theirs_told.map(|data| theirs(&data)), false);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let found = findings.differences.len();
    assert_eq!(found, 0, "{found} differences:\n{}", findings.differences.join("\n"));
    assert!(findings.asked > 200 && findings.empty == 0);
}
