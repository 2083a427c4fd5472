//! What users may tell of their own: which names, labels and values are taken, so
//! that it can stand beside what is measured and never be mistaken for it (C25e).
//!
//! ```text
//!  JSON ───────────┐
//!                  ├──► Pushed ──check──► SeriesKey + kind      faults, each with its place
//!  text ──read──►──┘
//! ```
//!
//! **The kind is in the name**: a counter's ends in `_total`, a gauge's does not. So no
//! name can be of two kinds, whoever pushes it; and where OpenMetrics takes a gauge `x`
//! and a counter `x_total` for one family, [`family`] says so before a page is spoilt.

mod text;

use std::borrow::Cow;

use super::series::{SeriesKey, is_label_name, is_metric_name};
use super::{Metric, MetricKind, Resource};
use crate::Timestamp;
use crate::error::Fault;

pub use text::read;

/// Names that begin so belong to somebody, with who that is.
const PREFIXES: &[(&str, &str)] = &[
    ("__", "Prometheus itself"),
    ("hostler_", "Hostler"),
    ("kubevirt_", "what is told of KubeVirt's VMs"),
    ("libvirt_", "what is told of libvirt's VMs"),
    ("process_", "what a server tells of its own process"),
    ("scrape_", "what Prometheus tells of each scrape"),
];
/// Names that belong to Prometheus.
const NAMES: &[&str] = &["up", "ALERTS", "ALERTS_FOR_STATE"];
/// What a gauge's name must not end in: readers of OpenMetrics would take it for a part of
/// a counter or a histogram.
const SUFFIXES: &[&str] = &["_created", "_bucket"];

/// How long texts and how many labels are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimits {
    /// The most labels of a sample.
    pub labels: usize,
    /// The longest name of a metric or label, in bytes.
    pub name_bytes: usize,
    /// The longest value of a label, in bytes.
    pub value_bytes: usize,
}

/// Where in a push something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a document's list of samples, counted from 0.
    Item(usize),
    /// In a text, counted from 1.
    Line(usize),
}

impl Place {
    /// A fault of a field at this place.
    pub fn fault(self, field: &str, code: &str, detail: impl Into<String>) -> Fault {
        let pointer = match self {
            Self::Item(index) if field.is_empty() => format!("/samples/{index}"),
            Self::Item(index) => format!("/samples/{index}/{field}"),
            Self::Line(line) => format!("line {line}"),
        };
        Fault::new(pointer, code, detail)
    }
}

/// A sample as somebody pushed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// Where it is in the push.
    pub place: Place,
    /// The metric's name.
    pub name: String,
    /// `counter` or `gauge`; by the name where that is not said.
    pub kind: Option<String>,
    /// Labels in any order.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
    /// When it was so; now, where that is not said.
    pub at: Option<Timestamp>,
}

/// The series of a sample, and the kind of its metric. Every fault is told.
pub fn check(
    pushed: &Pushed,
    limits: &SizeLimits,
    faults: &mut Vec<Fault>,
) -> Option<(SeriesKey, MetricKind)> {
    let before = faults.len();
    let kind = kind_of(&pushed.name);
    check_name(pushed, limits, faults);
    check_kind(pushed, kind, faults);
    check_labels(pushed, limits, faults);
    check_value(pushed, kind, faults);
    if faults.len() > before {
        return None;
    }
    let labels = pushed.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    match SeriesKey::new(pushed.name.as_str(), labels) {
        Ok(key) => Some((key, kind)),
        Err(fault) => {
            faults.push(pushed.place.fault("labels", "invalid", fault.to_string()));
            None
        }
    }
}

/// The kind of a metric of this name.
pub fn kind_of(name: &str) -> MetricKind {
    if name.ends_with("_total") { MetricKind::Counter } else { MetricKind::Gauge }
}

/// What OpenMetrics calls the family of this name.
pub fn family(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// Whether Hostler itself says this of things, so that nobody else may.
pub fn is_own_label(name: &str) -> bool {
    let own = [Resource::Vm, Resource::Host];
    name == "simulated" || own.iter().any(|of| of.labels().contains(&name))
}

fn check_name(pushed: &Pushed, limits: &SizeLimits, faults: &mut Vec<Fault>) {
    let name = pushed.name.as_str();
    let mut fault = |code, detail: String| faults.push(pushed.place.fault("name", code, detail));
    if name.len() > limits.name_bytes {
        return fault("too_long", too_long(name.len(), "max_name_bytes", limits.name_bytes));
    }
    if !is_metric_name(name) {
        let detail = format!("{name:?} is no name of a metric: [a-zA-Z_][a-zA-Z0-9_]*");
        return fault("not_a_name", detail);
    }
    if name.contains(':') {
        let detail = format!("{name:?} has a colon, which is for what recording rules compute");
        return fault("reserved", detail);
    }
    if let Some((prefix, whose)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return fault("reserved", format!("{name:?} begins with {prefix}, which is for {whose}"));
    }
    if NAMES.contains(&name) || Metric::of_name(name).is_some() {
        return fault("reserved", format!("{name:?} has a meaning of its own"));
    }
    // OpenMetrics writes the family, and one without a name makes the whole page unreadable.
    let family = family(name);
    if family.is_empty() || family.ends_with("_total") {
        let detail = format!("{name:?} has no name before _total, or more than one of them");
        return fault("not_a_name", detail);
    }
    if let Some(suffix) = SUFFIXES.iter().find(|suffix| family.ends_with(**suffix)) {
        let detail = format!("{name:?} ends in {suffix}, which is a part of other metrics");
        fault("reserved", detail);
    }
}

fn check_kind(pushed: &Pushed, by_name: MetricKind, faults: &mut Vec<Fault>) {
    let (code, detail) = match (pushed.kind.as_deref(), by_name) {
        (None, _) | (Some("counter"), MetricKind::Counter) | (Some("gauge"), MetricKind::Gauge) => {
            return;
        }
        (Some("counter"), _) => {
            ("kind_mismatch", Cow::from("is counter, and a counter's name ends in _total"))
        }
        (Some("gauge"), _) => {
            ("kind_mismatch", Cow::from("is gauge, and a name that ends in _total is a counter's"))
        }
        (Some(other), _) => {
            let other: String = other.chars().take(32).collect();
            ("unknown", format!("is {other:?}; `gauge` and `counter` are taken").into())
        }
    };
    faults.push(pushed.place.fault("kind", code, detail));
}

fn check_labels(pushed: &Pushed, limits: &SizeLimits, faults: &mut Vec<Fault>) {
    if pushed.labels.len() > limits.labels {
        let (count, most) = (pushed.labels.len(), limits.labels);
        let detail = format!("are {count}; metrics.custom.max_labels allows {most}");
        return faults.push(pushed.place.fault("labels", "too_many", detail));
    }
    for (name, value) in &pushed.labels {
        let mut fault = |code: &str, detail: String| {
            // The name itself may be anything, and is not part of a pointer.
            faults.push(pushed.place.fault("labels", code, detail));
        };
        if name.len() > limits.name_bytes {
            let why = too_long(name.len(), "max_name_bytes", limits.name_bytes);
            fault("too_long", format!("a label's name {why}"));
        } else if !is_label_name(name) {
            let detail = format!("{name:?} is no name of a label: [a-zA-Z_][a-zA-Z0-9_]*");
            fault("not_a_name", detail);
        } else if name.starts_with("__") {
            fault("reserved", format!("{name:?} begins with __, which is for Prometheus itself"));
        } else if is_own_label(name) {
            let how = "name the VM or host that the sample is of, and Hostler says it";
            fault("reserved", format!("{name:?} is Hostler's to say: {how}"));
        } else if value.len() > limits.value_bytes {
            let why = too_long(value.len(), "max_value_bytes", limits.value_bytes);
            fault("too_long", format!("the value of {name:?} {why}"));
        } else if value.chars().any(char::is_control) {
            fault("control_character", format!("the value of {name:?} has a control character"));
        }
    }
}

fn check_value(pushed: &Pushed, kind: MetricKind, faults: &mut Vec<Fault>) {
    let value = pushed.value;
    let (code, detail) = match kind {
        _ if !value.is_finite() => {
            ("not_finite", format!("is {value}; leave out what has no value"))
        }
        MetricKind::Counter if value < 0.0 => {
            ("negative", format!("is {value}, and a counter begins at 0 and grows"))
        }
        _ => return,
    };
    faults.push(pushed.place.fault("value", code, detail));
}

fn too_long(bytes: usize, key: &str, most: usize) -> String {
    format!("has {bytes} bytes; metrics.custom.{key} allows {most}")
}

#[cfg(test)]
mod tests;
