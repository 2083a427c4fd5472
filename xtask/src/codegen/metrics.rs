//! The catalogue of metrics, and what is made from it.

use std::fs;
use std::path::Path;

use hostler_lab::{Error, Result};
use toml::{Table, Value};

use super::camel;

/// Where the catalogue is, in the order of its documentation.
const FILES: &[&str] =
    &["vm", "host", "pool", "container", "provider", "agent", "output", "alerting", "server"];

/// What a key may say, with the Rust variant that says it.
const KINDS: &[(&str, &str)] = &[("counter", "Counter"), ("gauge", "Gauge"), ("info", "Info")];
const UNITS: &[(&str, &str)] = &[
    ("", "None"),
    ("seconds", "Seconds"),
    ("bytes", "Bytes"),
    ("bytes_per_second", "BytesPerSecond"),
    ("ratio", "Ratio"),
];
const RESOURCES: &[(&str, &str)] = &[
    ("vm", "Vm"),
    ("host", "Host"),
    ("pool", "Pool"),
    ("container", "Container"),
    ("provider", "Provider"),
    ("none", "None"),
];
const COSTS: &[(&str, &str)] =
    &[("state", "State"), ("stats", "Stats"), ("job", "Job"), ("guest", "Guest"), ("own", "Own")];

/// One metric of the catalogue.
#[derive(Debug)]
pub(super) struct Metric {
    name: String,
    kind: String,
    unit: String,
    resource: String,
    labels: Vec<String>,
    cost: String,
    since: String,
    help: String,
}

impl Metric {
    /// Its name, here and in Rust.
    pub(super) fn names(&self) -> (String, String) {
        (self.name.clone(), self.variant())
    }

    /// `hostler_vm_vcpus` is `VmVcpus`.
    fn variant(&self) -> String {
        camel(self.name.strip_prefix("hostler_").unwrap_or(&self.name))
    }
}

/// Reads the whole catalogue.
///
/// # Errors
/// Names the metric and what is wrong with it.
pub(super) fn read(root: &Path) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for file in FILES {
        let path = format!("catalog/metrics/{file}.toml");
        metrics.extend(parse(&path, &fs::read_to_string(root.join(&path))?)?);
    }
    let mut names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::new(format!("catalog/metrics: {} is there twice", pair[0]))),
        None => Ok(metrics),
    }
}

fn parse(path: &str, text: &str) -> Result<Vec<Metric>> {
    let wrong = |name: &str, what: &str| Err(Error::new(format!("{path}: {name}: {what}")));
    let catalog: Table = text.parse().map_err(|error| Error::new(format!("{path}: {error}")))?;
    let default = |key: &str| catalog.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut metrics = Vec::new();
    for (name, entry) in &catalog {
        let Some(entry) = entry.as_table() else { continue };
        let known = ["kind", "unit", "resource", "labels", "cost", "since", "help"];
        if let Some(key) = entry.keys().find(|key| !known.contains(&key.as_str())) {
            return wrong(name, &format!("unknown key {key}"));
        }
        let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let or_default = |key: &str| if word(key).is_empty() { default(key) } else { word(key) };
        let labels = entry.get("labels").and_then(Value::as_array).into_iter().flatten();
        let metric = Metric {
            name: name.clone(),
            kind: word("kind").into(),
            unit: word("unit").into(),
            resource: or_default("resource").into(),
            labels: labels.filter_map(|label| label.as_str().map(str::to_owned)).collect(),
            cost: word("cost").into(),
            since: or_default("since").into(),
            help: word("help").into(),
        };
        if let Some(fault) = fault(&metric) {
            return wrong(name, &fault);
        }
        metrics.push(metric);
    }
    Ok(metrics)
}

/// What is wrong with a metric, by the conventions of Prometheus and ours.
fn fault(metric: &Metric) -> Option<String> {
    let closed = [
        ("kind", &metric.kind, KINDS),
        ("unit", &metric.unit, UNITS),
        ("resource", &metric.resource, RESOURCES),
        ("cost", &metric.cost, COSTS),
    ];
    for (key, value, allowed) in closed {
        if !allowed.iter().any(|(word, _)| word == value) {
            return Some(format!("{key} cannot be {value:?}"));
        }
    }
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if !plain(&metric.name) || !metric.labels.iter().all(|label| plain(label)) {
        return Some("use small letters and `_`".into());
    }
    if metric.help.trim().is_empty() || metric.since.is_empty() {
        return Some("has no help or no since".into());
    }
    let stem = metric.name.strip_suffix("_total");
    if (metric.kind == "counter") != stem.is_some() {
        return Some("counters, and only they, end in _total".into());
    }
    if (metric.kind == "info") != metric.name.ends_with("_info")
        && metric.name != "hostler_vm_labels"
    {
        return Some("facts in labels, and only they, end in _info".into());
    }
    let unit = format!("_{}", metric.unit);
    let stem = stem.unwrap_or(&metric.name);
    let ends = metric.unit.is_empty() || stem.ends_with(&unit);
    (!ends).then(|| format!("its name must end in {unit}"))
}

/// `crates/hostler-core/src/metrics/catalog.rs`.
pub(super) fn rust(metrics: &[Metric]) -> String {
    let variants: String = metrics
        .iter()
        .map(|metric| format!("/// {}: {}.\n{},\n", metric.name, metric.help, metric.variant()))
        .collect();
    let all: String =
        metrics.iter().map(|metric| format!("Self::{},\n", metric.variant())).collect();
    let families: String = metrics.iter().map(family).collect();
    RUST_TEMPLATE
        .replace("@VARIANTS", &variants)
        .replace("@ALL", &all)
        .replace("@COUNT", &metrics.len().to_string())
        .replace("@FAMILIES", &families)
}

fn family(metric: &Metric) -> String {
    let variant = |value: &str, of: &[(&str, &'static str)]| {
        of.iter().find(|(word, _)| *word == value).map_or("", |(_, variant)| *variant)
    };
    format!(
        "Family {{ name: {:?}, kind: MetricKind::{}, unit: Unit::{}, resource: Resource::{}, \
         labels: &{:?}, cost: Cost::{}, since: {:?}, help: {:?} }},\n",
        metric.name,
        variant(&metric.kind, KINDS),
        variant(&metric.unit, UNITS),
        variant(&metric.resource, RESOURCES),
        metric.labels,
        variant(&metric.cost, COSTS),
        metric.since,
        metric.help,
    )
}

const RUST_TEMPLATE: &str = r#"//! The metrics, generated from `catalog/metrics/` by `cargo xtask codegen`;
//! change the catalogue, not this file.

use super::family::{Cost, Family, MetricKind, Resource, Unit};

/// A metric of the catalogue. What is not in it cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Metric {
@VARIANTS}

impl Metric {
    /// Every metric, in the order of the catalogue.
    pub const ALL: &'static [Self] = &[
@ALL];

    /// What the catalogue says about it.
    pub const fn family(self) -> &'static Family {
        &FAMILIES[self as usize]
    }

    /// Its full name.
    pub const fn name(self) -> &'static str {
        self.family().name
    }

    /// The metric of this full name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }
}

/// In the order of the variants.
static FAMILIES: [Family; @COUNT] = [
@FAMILIES];
"#;

/// `docs/reference/metrics.md`.
pub(super) fn markdown(metrics: &[Metric]) -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Made from `catalog/metrics/` by `cargo xtask codegen`; do not edit.\n\n\
         A name is never renamed and never changes its unit. A series that is not there was not \
         measured: nothing is told as 0 in place of unknown. `cost` says which pass pays for it: \
         `state` one call for all VMs of a host, `stats` the hypervisor's statistics in small \
         batches, `job` one call for each VM with a job, `guest` the guest agent, `own` computed \
         from what was collected.\n",
    );
    let labels_of = |resource: &str| match resource {
        "vm" => "`vm`, `vm_id`, `host`, `provider`, `project`",
        "host" => "`host`, `provider`",
        "pool" => "`pool`, `host`, `provider`",
        "container" => "`container`, `container_id`, `host`, `engine`",
        "provider" => "`provider`",
        _ => "none",
    };
    for (resource, _) in RESOURCES {
        let of: Vec<&Metric> = metrics.iter().filter(|m| m.resource == *resource).collect();
        if of.is_empty() {
            continue;
        }
        text.push_str(&format!(
            "\n## {resource}\n\nLabels of each: {}.\n\n\
             | metric | kind | unit | further labels | cost | since | what it is |\n\
             |---|---|---|---|---|---|---|\n",
            labels_of(resource)
        ));
        for metric in of {
            text.push_str(&format!(
                "| `{}` | {} | {} | {} | {} | {} | {} |\n",
                metric.name,
                metric.kind,
                metric.unit.replace('_', " "),
                metric.labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", "),
                metric.cost,
                metric.since,
                metric.help.replace('|', "\\|"),
            ));
        }
    }
    text
}

/// `ui/src/api/generated/metrics.ts`.
pub(super) fn typescript(metrics: &[Metric]) -> String {
    let mut text = String::from(
        "// Metrics, generated from catalog/metrics/ by `cargo xtask codegen`;\n\
         // change the catalogue, not this file.\n\n\
         export interface MetricFamily {\n  kind: 'counter' | 'gauge' | 'info';\n  \
         unit: string;\n  resource: string;\n  labels: readonly string[];\n  help: string;\n}\n\n\
         /** What the catalogue says about each metric. */\nexport const metrics = {\n",
    );
    for metric in metrics {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("'{l}'")).collect();
        text.push_str(&format!(
            "  {}: {{\n    kind: '{}',\n    unit: '{}',\n    resource: '{}',\n    labels: [{}],\n    \
             help: {},\n  }},\n",
            metric.name,
            metric.kind,
            metric.unit,
            metric.resource,
            labels.join(", "),
            serde_json::json!(metric.help),
        ));
    }
    text.push_str(
        "} as const satisfies Record<string, MetricFamily>;\n\n\
         /** The name of a metric; a contract with the server. */\n\
         export type MetricName = keyof typeof metrics;\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "resource = \"vm\"\nsince = \"0.1\"\n[hostler_vm_reads_total]\n\
                       kind = \"counter\"\nlabels = [\"device\"]\ncost = \"stats\"\nhelp = \"Reads\"\n";

    #[test]
    fn every_target_has_the_metric() {
        let metrics = parse("vm.toml", ONE).unwrap();
        let rust = rust(&metrics);
        assert!(rust.contains("VmReadsTotal,"), "{rust}");
        assert!(rust.contains("resource: Resource::Vm, labels: &[\"device\"]"), "{rust}");
        assert!(markdown(&metrics).contains("| `hostler_vm_reads_total` | counter |"));
        assert!(typescript(&metrics).contains("hostler_vm_reads_total: {"));
    }

    #[test]
    fn a_slip_is_refused_with_its_reason() {
        for (from, to, reason) in [
            ("\"counter\"", "\"gauge\"", "only they, end in _total"),
            ("\"stats\"", "\"cheap\"", "cost cannot be"),
            ("help =", "hlep =", "unknown key hlep"),
            ("kind = \"counter\"\n", "kind = \"counter\"\nunit = \"bytes\"\n", "end in _bytes"),
        ] {
            let error = parse("vm.toml", &ONE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
