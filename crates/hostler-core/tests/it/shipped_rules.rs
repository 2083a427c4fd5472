//! The shipped alert rules against our own reader, the catalogue of metrics and
//! the runbooks. What they say is tried by promtool, in `real`.

use std::collections::{BTreeMap, BTreeSet};

use hostler_core::alert::rule::CheckedRule;
use hostler_core::metrics::hypervisor::{Reading, detect};
use hostler_core::metrics::series::{Comparison, Matcher};
use hostler_core::metrics::{Cost, Metric};
use hostler_core::operation::OperationState;
use hostler_core::vm::status::VmState;
use regex::Regex;

use crate::shipped::{checked, files, root, rule_files, rules, stem};

/// What Prometheus makes itself, for rules that only another one can watch.
const OF_PROMETHEUS: &[(&str, &[&str])] = &[("up", &["job", "instance"])];

fn labels_of(metric: &str) -> Option<Vec<&'static str>> {
    if let Some((_, labels)) = OF_PROMETHEUS.iter().find(|(name, _)| *name == metric) {
        return Some(labels.to_vec());
    }
    let family = Metric::of_name(metric)?.family();
    Some(family.resource.labels().iter().chain(family.labels).copied().collect())
}

/// The metrics that an expression names, each with the labels that it asks for.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let selector = Regex::new(r"\b(hostler_\w+|kubevirt_\w+|up)\b(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new(r#"(\w+)\s*(?:=~|!~|!=|=)\s*""#).unwrap();
    let found = selector.captures_iter(expression).map(|found| {
        let labels = found.get(2).map_or("", |labels| labels.as_str());
        let labels = label.captures_iter(labels).map(|label| label[1].to_owned());
        (found[1].to_owned(), labels.collect())
    });
    found.collect()
}

/// The labels named by `by (…)` and `on (…)`.
fn named_labels(expression: &str) -> Vec<String> {
    let list = Regex::new(r"\b(?:by|on)\s*\(([^)]*)\)").unwrap();
    let lists = list.captures_iter(expression).map(|found| found[1].to_owned());
    lists
        .flat_map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn c25c_the_shipped_rules_are_sound_to_our_own_check() {
    let groups = checked();
    let alerts = groups.iter().flat_map(|group| &group.rules);
    let alerts = alerts.filter(|rule| matches!(rule, CheckedRule::Alert(_)));
    assert!(alerts.count() >= 25);
    let names: BTreeSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names.len(), groups.len(), "a group's name comes twice");
}

#[test]
fn every_metric_and_label_of_a_shipped_rule_is_in_the_catalogue() {
    for (file, rule) in rules() {
        let alert = rule.alert.clone().unwrap();
        let selectors = selectors(&rule.expr);
        assert!(!selectors.is_empty(), "{file}: {alert} names no metric");
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for (metric, labels) in &selectors {
            let of_metric = labels_of(metric);
            let of_metric = of_metric
                .unwrap_or_else(|| panic!("{file}: {alert}: {metric} is not in the catalogue"));
            for label in labels {
                assert!(of_metric.contains(&label.as_str()), "{alert}: {metric} has no {label}");
            }
            known.extend(of_metric);
        }
        for label in named_labels(&rule.expr) {
            assert!(known.contains(label.as_str()), "{alert}: no metric has a label {label}");
        }
    }
}

/// What is produced under labels that have a closed set of values, as those who produce it
/// say; of other labels any value may be.
fn produced(metric: &str) -> Vec<Vec<(&'static str, String)>> {
    let each = |label: &'static str, words: &[&str]| -> Vec<Vec<_>> {
        words.iter().map(|word| vec![(label, (*word).to_owned())]).collect()
    };
    match metric {
        "hostler_vm_state" => {
            VmState::ALL.iter().map(|state| vec![("state", state.as_str().to_owned())]).collect()
        }
        "hostler_op_state" => {
            let open = OperationState::ALL.iter().filter(|state| !state.is_final());
            open.map(|state| vec![("state", state.as_str().to_owned())]).collect()
        }
        "hostler_output_samples_dropped_total" => {
            each("reason", &["full", "old", "disk", "refused", "unsupported"])
        }
        "hostler_vm_accelerator_asked_info" => each("asked", &["kvm", "tcg", "any"]),
        "hostler_vm_hypervisor_info" => {
            let detected = |kind: &&str| {
                let reading =
                    Reading::Domain { domain_type: Some(*kind), has_own_accelerator: false };
                let found = detect(reading).unwrap();
                let word = found.hypervisor_word().to_owned();
                vec![("hypervisor", word), ("accelerator", found.accelerator().to_owned())]
            };
            ["kvm", "qemu", "hvf", "xen", "lxc", "test", "?"].iter().map(detected).collect()
        }
        _ if metric.starts_with("hostler_provider_") => {
            Cost::PASSES.iter().map(|pass| vec![("cost", pass.as_str().to_owned())]).collect()
        }
        "hostler_host_pressure_waiting_seconds_total" => ["cpu", "memory", "io"]
            .iter()
            .flat_map(|of| ["some", "full"].map(|share| (*of, share)))
            .map(|(of, share)| vec![("resource", of.to_owned()), ("share", share.to_owned())])
            .collect(),
        _ if metric.starts_with("hostler_vm_job_") => {
            let parts = ["memory", "disk", "data"];
            let part = |part: &&str| {
                vec![("operation", "migration_out".to_owned()), ("part", (*part).to_owned())]
            };
            parts.iter().map(part).collect()
        }
        _ => vec![Vec::new()],
    }
}

/// The conditions of each selector, as `label`, `how`, `value`.
fn conditions(expression: &str) -> Vec<(String, Vec<Matcher>)> {
    let selector = Regex::new(r"\b(hostler_\w+|kubevirt_\w+)\b(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new(r#"(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)""#).unwrap();
    let found = selector.captures_iter(expression).map(|found| {
        let labels = found.get(2).map_or("", |labels| labels.as_str());
        let matcher = |found: regex::Captures<'_>| {
            let how = match &found[2] {
                "=" => Comparison::Equal,
                "!=" => Comparison::NotEqual,
                "=~" => Comparison::Matches,
                _ => Comparison::MatchesNot,
            };
            Matcher::new(&found[1], how, &found[3]).unwrap()
        };
        (found[1].to_owned(), label.captures_iter(labels).map(matcher).collect())
    });
    found.collect()
}

#[test]
fn f8_every_selector_of_a_shipped_rule_fits_something_that_can_be_produced() {
    for (file, rule) in rules() {
        let alert = rule.alert.clone().unwrap();
        for (metric, matchers) in conditions(&rule.expr) {
            let fits = |series: &Vec<(&'static str, String)>| {
                let of = |matcher: &Matcher| {
                    series.iter().find(|(label, _)| *label == matcher.label()).map(|it| &it.1)
                };
                matchers.iter().all(|matcher| of(matcher).is_none_or(|value| matcher.fits(value)))
            };
            let fitting = produced(&metric).iter().any(fits);
            let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
            assert!(fitting, "{file}: {alert}: no {metric}{{{}}} is produced", shown.join(","));
        }
    }
}

#[test]
fn every_text_names_labels_that_its_alert_bears() {
    for group in checked() {
        for rule in group.rules {
            let CheckedRule::Alert(alert) = rule else { panic!("{rule:?}") };
            // An aggregation keeps only what it names; else all metrics agree in what they have.
            let grouped = named_labels(&alert.expression);
            let is_grouped =
                alert.expression.starts_with("max by") || alert.expression.starts_with("count by");
            let mut known: BTreeSet<String> = BTreeSet::new();
            if is_grouped {
                known.extend(grouped);
            } else {
                let first = selectors(&alert.expression).remove(0).0;
                known.extend(labels_of(&first).unwrap().into_iter().map(str::to_owned));
            }
            for (name, text) in &alert.annotations {
                for label in text.labels() {
                    assert!(known.contains(label), "{}: {name} names {label}", alert.name);
                }
            }
        }
    }
}

#[test]
fn every_shipped_alert_says_how_grave_it_is_and_what_to_do() {
    let mut runbooks: BTreeSet<String> =
        files("docs/runbooks", "md").iter().map(|path| stem(path)).collect();
    assert!(runbooks.remove("README"));
    let mut alerts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, rule) in rules() {
        let alert = rule.alert.unwrap();
        assert!(alert.starts_with("Hostler"), "{alert}");
        let severity = &rule.labels["severity"];
        assert!(["critical", "warning", "info"].contains(&severity.as_str()), "{alert}");
        for text in ["summary", "description"] {
            assert!(!rule.annotations[text].is_empty(), "{alert} has no {text}");
        }
        assert_eq!(rule.annotations["runbook_url"], format!("docs/runbooks/{alert}.md"));
        alerts.entry(alert).or_default().push(severity.clone());
    }
    let names: BTreeSet<String> = alerts.keys().cloned().collect();
    assert_eq!(names, runbooks, "each alert has a runbook, and each runbook an alert");
    let index = std::fs::read_to_string(root().join("docs/runbooks/README.md")).unwrap();
    for (alert, severities) in alerts {
        let line = format!("| [{alert}]({alert}.md) | {} |", severities.join(", "));
        assert!(index.contains(&line), "the index of the runbooks lacks {line}");
        let page = root().join(format!("docs/runbooks/{alert}.md"));
        let page = std::fs::read_to_string(page).unwrap();
        for heading in
            [&format!("# {alert}"), "## What it means", "## How to look", "## What to do"]
        {
            assert!(page.lines().any(|line| line == heading), "{alert}: no {heading}");
        }
    }
}

#[test]
fn every_shipped_alert_is_tried_when_it_fires_and_when_not() {
    // Line by line: what is read here is our own writing, and promtool reads it as well.
    for (file, _) in rule_files() {
        let path = root().join(format!("catalog/alerts/tests/{file}.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut fires, mut fires_not) = (BTreeSet::new(), BTreeSet::new());
        let mut alert = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("alertname: ") {
                name.clone_into(&mut alert);
            } else if line == "exp_alerts: []" {
                fires_not.insert(alert.clone());
            } else if line.starts_with("- exp_labels:") {
                let severity = line.split("severity: '").nth(1).unwrap();
                let severity = severity.split('\'').next().unwrap();
                fires.insert((alert.clone(), severity.to_owned()));
            }
        }
        for (of, rule) in rules() {
            if of == file {
                let (alert, severity) = (rule.alert.unwrap(), rule.labels["severity"].clone());
                assert!(fires_not.contains(&alert), "{alert} is never tried not to fire");
                let wanted = (alert, severity);
                assert!(fires.contains(&wanted), "{wanted:?} is never tried to fire");
            }
        }
    }
}

#[test]
fn x34_no_shipped_rule_goes_by_mere_use_of_processors_or_memory() {
    for (_, rule) in rules() {
        for (metric, _) in selectors(&rule.expr) {
            let is_use = metric.ends_with("cpu_usage_ratio")
                || metric.ends_with("vcpu_usage_ratio")
                || metric.ends_with("memory_guest_used_ratio");
            assert!(!is_use, "{:?} goes by {metric}", rule.alert);
        }
    }
}
