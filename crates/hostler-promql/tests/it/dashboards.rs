//! The shipped dashboards' queries: all of them can be read, and none asks for what nobody tells.
//! What they answer, the real Prometheus says (`real/dashboards.rs`).

use std::collections::BTreeSet;
use std::path::Path;

use hostler_core::metrics::Metric;
use hostler_promql::Query;
use serde_json::Value as Json;

/// What is told beside the catalogue, with its labels: by the server of its requests, and by the
/// Prometheus that scrapes it.
pub(crate) const BESIDE: &[(&str, &[&str])] = &[
    ("hostler_http_request_duration_seconds_bucket", &["route", "method", "le"]),
    ("hostler_http_request_duration_seconds_count", &["route", "method"]),
    ("hostler_http_request_duration_seconds_sum", &["route", "method"]),
    ("hostler_http_requests_total", &["route", "method", "status"]),
    ("ALERTS", &["alertname", "alertstate", "severity", "vm", "vm_id", "host", "provider"]),
    ("ALERTS_FOR_STATE", &["alertname", "severity", "vm", "vm_id", "host", "provider"]),
    ("scrape_duration_seconds", &[]),
    ("scrape_samples_scraped", &[]),
    ("up", &[]),
];

/// The labels that whoever scrapes adds, and the one of what is made up (X17).
const ADDED: &[&str] = &["instance", "job", "simulated", "__name__"];

/// A query of a dashboard, as it is written there.
pub(crate) struct Asked {
    /// Where: the dashboard and the panel.
    pub(crate) at: String,
    pub(crate) text: String,
    /// Whether a chart asks it, or something that shows one moment.
    pub(crate) is_range: bool,
    /// Labels that its results are shown by.
    pub(crate) labels: Vec<String>,
}

/// Every query of every panel, annotation and variable.
pub(crate) fn all() -> Vec<Asked> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/dashboards");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    let read = |path| -> Json { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    files.into_iter().flat_map(|path| queries(&read(path))).collect()
}

fn list<'a>(of: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> {
    of.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn queries(dashboard: &Json) -> Vec<Asked> {
    let text = |of: &Json, key: &str| of[key].as_str().unwrap_or_default().to_owned();
    let title = text(dashboard, "uid");
    let mut found = Vec::new();
    for panel in list(dashboard, "/panels") {
        for target in list(panel, "/targets") {
            found.push(Asked {
                at: format!("{title}: {}", text(panel, "title")),
                text: text(target, "expr"),
                is_range: target["range"] == true,
                labels: if target["format"] == "table" {
                    Vec::new()
                } else {
                    in_braces(&text(target, "legendFormat"))
                },
            });
        }
    }
    for annotation in list(dashboard, "/annotations/list") {
        let (at, text) = (format!("{title}: annotation"), text(annotation, "expr"));
        found.push(Asked { at, text, is_range: true, labels: Vec::new() });
    }
    for variable in list(dashboard, "/templating/list") {
        let Some(text) = variable.pointer("/query/query").and_then(Json::as_str) else { continue };
        let at = format!("{title}: variable {}", variable["name"]);
        // What Grafana makes of its own functions.
        let inner = |word: &str| text.strip_prefix(word)?.strip_suffix(')');
        let (text, labels) = match (inner("label_values("), inner("query_result(")) {
            (Some(both), _) => {
                let (series, label) = both.rsplit_once(", ").unwrap();
                (series.to_owned(), vec![label.to_owned()])
            }
            (None, Some(query)) => (query.to_owned(), vec!["vm".into(), "vm_id".into()]),
            (None, None) => panic!("{at}: {text}"),
        };
        found.push(Asked { at, text, is_range: false, labels });
    }
    found
}

/// `a` and `b` of `{{a}} on {{b}}`.
fn in_braces(legend: &str) -> Vec<String> {
    let after = legend.split("{{").skip(1);
    after.filter_map(|rest| Some(rest.split_once("}}")?.0.to_owned())).collect()
}

/// The query as Grafana sends it, with these choices.
pub(crate) fn filled(text: &str, host: &str, vm: &str) -> String {
    let many = ["provider", "hosts", "project", "pool"];
    let mut text =
        text.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$top", "10");
    // The longer name first: one begins with the other.
    for name in many {
        text = text.replace(&format!("\"${name}\""), "\".*\"");
    }
    text = text.replace("\"$host\"", &format!("{host:?}")).replace("\"$vm\"", &format!("{vm:?}"));
    assert!(!text.contains('$'), "a variable that nobody fills: {text}");
    text
}

/// The labels that series of this name have.
fn labels_of(name: &str) -> Option<Vec<&'static str>> {
    if let Some((_, labels)) = BESIDE.iter().find(|(known, _)| *known == name) {
        return Some(labels.to_vec());
    }
    let family = Metric::of_name(name)?.family();
    Some(family.resource.labels().iter().chain(family.labels).copied().collect())
}

#[test]
fn every_query_can_be_read_and_asks_for_what_there_is() {
    let (mut faults, mut asked_for) = (Vec::new(), BTreeSet::new());
    let all = all();
    assert!(all.len() > 200, "{}", all.len());
    for Asked { at, text, .. } in &all {
        let query = match Query::parse(&filled(text, "h1", "id")) {
            Ok(query) => query,
            Err(fault) => {
                faults.push(format!("{at}: {fault}: {text}"));
                continue;
            }
        };
        for selector in query.selectors() {
            let name = selector.iter().find(|it| it.label() == "__name__");
            let name = name.and_then(|it| it.exact()).unwrap_or_default();
            let Some(labels) = labels_of(name) else {
                faults.push(format!("{at}: nobody tells {name:?}: {text}"));
                continue;
            };
            for matcher in &selector {
                let label = matcher.label();
                if !labels.contains(&label) && !ADDED.contains(&label) {
                    faults.push(format!("{at}: {name} has no label {label}: {text}"));
                }
            }
            asked_for.insert(name.to_owned());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(asked_for.len() > 90, "{}", asked_for.len());
}

#[test]
fn rates_are_over_what_grafana_knows_to_be_long_enough() {
    for Asked { at, text, .. } in all() {
        for after in text.split("rate(").skip(1) {
            // The first range after it is its own.
            let range = after.split_once('[').unwrap().1;
            assert!(range.starts_with("$__rate_interval]"), "{at}: {text}");
        }
    }
}
