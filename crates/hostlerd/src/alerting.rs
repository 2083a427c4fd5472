//! Alerting as it is configured: rules read from files, receivers made ready.
//! Either all of it is sound or nothing is taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::alert::inhibit;
use hostler_core::alert::notice::{Notice, NoticeAlert, Undelivered};
use hostler_core::alert::route::{self, Route, Routes};
use hostler_core::alert::rule::{CheckedRule, RuleFile};
use hostler_core::error::Fault;
use hostler_deliver::Receiver;
use hostler_engine::{AlertReceiver, AlertingConfig, Deliver, RuleSource, check_rules};

use crate::config::ConfiguredAlerting;
use crate::failure::{Failure, Result};

/// The rules that are shipped for a server that evaluates them itself.
const SHIPPED: &[(&str, &str)] = &[
    ("hypervisor", include_str!("../../../catalog/alerts/hypervisor.yaml")),
    ("pressure", include_str!("../../../catalog/alerts/pressure.yaml")),
    ("providers", include_str!("../../../catalog/alerts/providers.yaml")),
    ("sending", include_str!("../../../catalog/alerts/sending.yaml")),
    ("storage", include_str!("../../../catalog/alerts/storage.yaml")),
    ("vms", include_str!("../../../catalog/alerts/vms.yaml")),
];
/// A file of rules that is larger than this is no file of rules.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// So many faults of a file are told.
const FAULTS_TOLD: usize = 20;

/// What the engine is told.
///
/// # Errors
/// What is wrong, naming the file, the key and the place.
pub fn load(configured: &ConfiguredAlerting, server_url: Option<String>) -> Result<AlertingConfig> {
    if !configured.enabled {
        return Ok(AlertingConfig::default());
    }
    let mut rules = Vec::new();
    for path in &configured.rule_files {
        rules.push(RuleSource { name: path.display().to_string(), groups: file(path)? });
    }
    if !configured.presets.is_empty() {
        let groups = vec![configured.thresholds.group(&configured.presets)];
        rules.push(read("preset", &RuleFile { groups })?);
    }
    if configured.shipped_rules {
        rules.extend(shipped(configured, &rules)?);
    }
    let receivers = receivers(configured)?;
    Ok(AlertingConfig {
        rules,
        routes: routes(configured, &receivers)?,
        inhibit: configured.inhibit.clone(),
        receivers,
        server_url,
    })
}

fn file(path: &Path) -> Result<Vec<hostler_core::alert::rule::CheckedGroup>> {
    let name = path.display();
    let told = |error: std::io::Error| Failure::usage(format!("{name}: {error}"));
    if std::fs::metadata(path).map_err(told)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{name}: is larger than 4 MiB")));
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    Ok(read(&name.to_string(), &parse(&name.to_string(), &text)?)?.groups)
}

fn parse(name: &str, text: &str) -> Result<RuleFile> {
    // An empty file is one without groups, as for Prometheus.
    if text.trim().is_empty() {
        return Ok(RuleFile::default());
    }
    serde_saphyr::from_str(text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

fn read(name: &str, file: &RuleFile) -> Result<RuleSource> {
    let groups = check_rules(file).map_err(|faults| refused(name, file, &faults))?;
    Ok(RuleSource { name: name.to_owned(), groups })
}

/// All faults of a file, each with the rule it is in.
fn refused(name: &str, file: &RuleFile, faults: &[Fault]) -> Failure {
    let mut told: Vec<String> = faults
        .iter()
        .take(FAULTS_TOLD)
        .map(|fault| {
            let of = rule_at(file, &fault.pointer).map(|of| format!(" ({of})")).unwrap_or_default();
            format!("{name}: {}{of}: {}", fault.pointer, fault.detail)
        })
        .collect();
    if faults.len() > FAULTS_TOLD {
        told.push(format!("{name}: and {} more", faults.len() - FAULTS_TOLD));
    }
    Failure::usage(told.join("\n"))
}

/// What stands at `/groups/0/rules/2/…`, for people.
fn rule_at(file: &RuleFile, pointer: &str) -> Option<String> {
    let mut parts = pointer.split('/').skip(1);
    let group = (parts.next()? == "groups").then(|| parts.next())??;
    let group = file.groups.get(group.parse::<usize>().ok()?)?;
    let rule = match parts.next() {
        Some("rules") => parts.next().and_then(|at| group.rules.get(at.parse::<usize>().ok()?)),
        _ => None,
    };
    let name = rule.and_then(|rule| rule.alert.as_ref().or(rule.record.as_ref()));
    Some(match name {
        Some(name) => format!("{name} in group {}", group.name),
        None => format!("group {}", group.name),
    })
}

/// The rules that are shipped, but those that are switched off or that somebody has one
/// of the same name of.
fn shipped(configured: &ConfiguredAlerting, own: &[RuleSource]) -> Result<Vec<RuleSource>> {
    let name_of = |rule: &CheckedRule| match rule {
        CheckedRule::Alert(rule) => rule.name.clone(),
        CheckedRule::Record(rule) => rule.name.clone(),
    };
    let groups = own.iter().flat_map(|source| &source.groups);
    let replaced: BTreeSet<String> = groups.flat_map(|it| it.rules.iter().map(name_of)).collect();
    let mut unknown: BTreeSet<&String> = configured.disabled_rules.iter().collect();
    let mut sources = Vec::new();
    for (file, text) in SHIPPED {
        let mut source = read("shipped", &parse(file, text)?)?;
        for group in &mut source.groups {
            group.rules.retain(|rule| {
                let name = name_of(rule);
                let is_off = configured.disabled_rules.contains(&name);
                unknown.remove(&name);
                !is_off && !replaced.contains(&name)
            });
        }
        sources.push(source);
    }
    match unknown.first() {
        None => Ok(sources),
        Some(name) => Err(Failure::usage(format!(
            "alerting.disabled_rules: there is no shipped rule {name:?}; \
             `hostler alert rules` lists them"
        ))),
    }
}

fn receivers(configured: &ConfiguredAlerting) -> Result<BTreeMap<String, AlertReceiver>> {
    let mut receivers = BTreeMap::new();
    for given in &configured.receivers {
        let receiver = Receiver::new(&given.integration)
            .map_err(|why| Failure::usage(format!("alerting.receiver {:?}: {why}", given.name)))?;
        let delivery = Arc::new(Delivery(receiver));
        let receiver = AlertReceiver { kind: given.integration.kind(), delivery };
        if receivers.insert(given.name.clone(), receiver).is_some() {
            let name = &given.name;
            return Err(Failure::usage(format!("two alerting.receiver are named {name:?}")));
        }
    }
    Ok(receivers)
}

fn routes(
    configured: &ConfiguredAlerting,
    receivers: &BTreeMap<String, AlertReceiver>,
) -> Result<Option<Routes>> {
    inhibit::check(&configured.inhibit).map_err(|faults| keys_refused(&faults))?;
    if receivers.is_empty() && configured.route == Route::default() {
        return Ok(None);
    }
    let mut root = configured.route.clone();
    // Where there is one, nobody has to say which.
    if let (None, Some(only), 1) = (&root.receiver, receivers.keys().next(), receivers.len()) {
        root.receiver = Some(only.clone());
    }
    root.group_by.get_or_insert_with(|| vec![hostler_core::alert::ALERT_NAME.to_owned()]);
    let names = receivers.keys().cloned().collect();
    route::check(&root, &names).map(Some).map_err(|faults| keys_refused(&faults))
}

fn keys_refused(faults: &[Fault]) -> Failure {
    let told = faults.iter().take(FAULTS_TOLD).map(|fault| {
        let key = fault.pointer.trim_start_matches('/').replace('/', ".");
        format!("alerting.{}: {}", key.replace("inhibit_rules", "inhibit"), fault.detail)
    });
    Failure::usage(told.collect::<Vec<_>>().join("\n"))
}

/// A receiver as the engine knows one.
struct Delivery(Receiver);

#[async_trait]
impl Deliver for Delivery {
    async fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        self.0.deliver(notice).await
    }

    fn refresh_interval(&self) -> Option<Duration> {
        self.0.refresh_interval()
    }

    async fn refresh(&self, alerts: &[NoticeAlert]) -> Result<(), Undelivered> {
        self.0.refresh(alerts).await
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::alert::preset::Preset;

    use super::*;

    fn names(config: &AlertingConfig) -> Vec<String> {
        let groups = config.rules.iter().flat_map(|source| &source.groups);
        let rules = groups.flat_map(|group| &group.rules);
        rules
            .map(|rule| match rule {
                CheckedRule::Alert(rule) => rule.name.clone(),
                CheckedRule::Record(rule) => rule.name.clone(),
            })
            .collect()
    }

    fn configured(text: &str) -> ConfiguredAlerting {
        toml::from_str(text).unwrap()
    }

    fn refusal(text: &str) -> String {
        load(&configured(text), None).unwrap_err().to_string()
    }

    #[test]
    fn c25b_shipped_rules_are_on_and_go_one_by_one_or_all_at_once() {
        let all = names(&load(&ConfiguredAlerting::default(), None).unwrap());
        // All but the one that only somebody else can watch.
        assert_eq!(all.len(), 35, "{all:?}");
        let some = load(&configured("disabled_rules = [\"HostlerVmCrashed\"]"), None).unwrap();
        assert_eq!(names(&some).len(), 34);
        assert!(refusal("disabled_rules = [\"HostlerVmCrashd\"]").contains("\"HostlerVmCrashd\""));
        assert!(names(&load(&configured("shipped_rules = false"), None).unwrap()).is_empty());
        assert!(names(&load(&configured("enabled = false"), None).unwrap()).is_empty());
    }

    #[test]
    fn x34_thresholds_on_use_are_there_for_who_asks() {
        let text = "presets = [\"cpu\", \"disk\"]\nthresholds = { moderate_percent = 40, \
                    warning_percent = 60, critical_percent = 80 }\nshipped_rules = false";
        let config = configured(text);
        assert_eq!(config.presets, [Preset::Cpu, Preset::Disk]);
        assert_eq!(names(&load(&config, None).unwrap()).len(), 4);
    }

    #[test]
    fn a_file_of_rules_is_refused_with_every_fault_and_its_rule() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own.yaml");
        let text = |text: &str| {
            std::fs::write(&path, text).unwrap();
            format!("rule_files = [{:?}]", path.display().to_string())
        };
        let own = "groups:\n- name: own\n  rules:\n  - {alert: HostlerVmCrashed, expr: up == 0}\n";
        let config = load(&configured(&text(own)), None).unwrap();
        assert_eq!(names(&config).len(), 35, "it takes the place of the shipped one");
        assert_eq!(config.rules[0].name, path.display().to_string());
        let bad = "groups:\n- name: own\n  rules:\n  - {alert: Hot, expr: sum(, for: 1m}\n  \
                   - {alert: Cold, expr: up, annotations: {summary: '{{ $labels }}'}}\n";
        let told = refusal(&text(bad));
        assert!(told.contains("/groups/0/rules/0/expr (Hot in group own)"), "{told}");
        assert!(
            told.contains("/groups/0/rules/1/annotations/summary (Cold in group own)"),
            "{told}"
        );
        let told = refusal(&text("groups:\n- name: own\n  ruls: []\n"));
        assert!(told.contains("own.yaml") && told.contains("ruls"), "{told}");
        assert!(load(&configured(&text("")), None).is_ok());
        std::fs::remove_file(&path).unwrap();
        let gone = format!("rule_files = [{:?}]", path.display().to_string());
        assert!(refusal(&gone).contains("own.yaml"));
    }

    #[test]
    fn a_single_receiver_is_told_everything_and_more_need_a_route() {
        let one = "[[receiver]]\nname = \"ops\"\nwebhook = { url = \"https://a.example/x\" }\n";
        let config = load(&configured(one), None).unwrap();
        let places = config.routes.unwrap().destinations(&[("a".into(), "b".into())].into());
        assert_eq!(places[0].group.receiver, "ops");
        let two = format!(
            "{one}[[receiver]]\nname = \"db\"\nwebhook = {{ url = \"https://b.example/\" }}\n"
        );
        assert!(refusal(&two).contains("alerting.route.receiver: the root needs one"));
        let route = "[route]\nreceiver = \"ops\"\n[[route.routes]]\nreceiver = \"pager\"\n\
                     matchers = [\"severity=critical\"]\n";
        assert!(refusal(&format!("{one}{route}")).contains("there is no receiver \"pager\""));
        assert!(refusal(&format!("{one}{one}")).contains("two alerting.receiver"));
        for bad in [
            "[[receiver]]\nname = \"ops\"\n",
            "[[receiver]]\nname = \"ops\"\nfax = { number = 1 }\n",
            "[[receiver]]\nname = \"ops\"\nwebhook = { url = \"https://x/\" }\nslack = { url_file = \"x\" }\n",
            "[[receiver]]\nname = \"ops\"\nwebhook = { ulr = \"https://x/\" }\n",
            "[[receiver]]\nwebhook = { url = \"https://x/\" }\n",
        ] {
            assert!(toml::from_str::<ConfiguredAlerting>(bad).is_err(), "{bad}");
        }
        let shown = toml::to_string(&configured(one)).unwrap();
        assert_eq!(toml::from_str::<ConfiguredAlerting>(&shown).unwrap(), configured(one));
    }
}
