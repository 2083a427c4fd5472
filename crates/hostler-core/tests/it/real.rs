//! Before the judges whose formats we speak: promtool has the rules, what they
//! say and when they fire, amtool has the routes, and virsh the commands in the
//! runbooks. Debian's packages `prometheus`, `prometheus-alertmanager` and
//! `libvirt-clients`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use hostler_core::Timestamp;
use hostler_core::alert::LabelSet;
use hostler_core::alert::inhibit::InhibitRule;
use hostler_core::alert::preset::{Preset, Thresholds};
use hostler_core::alert::route::{self, Route};
use hostler_core::alert::rule::{AlertRule, CheckedRule, Rule, RuleFile, RuleGroup, check};
use hostler_core::alert::state::{Data, Instance, RuleState, Sample, step};
use hostler_lab::prometheus::need;

use crate::shipped::{files, rule_files};

/// What it printed, once it succeeded.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

#[test]
fn c25c_promtool_finds_nothing_in_the_shipped_rules() {
    let said = run(Command::new(need("promtool"))
        .args(["check", "rules"])
        .args(files("catalog/alerts", "yaml")));
    assert_eq!(said.matches("SUCCESS").count(), rule_files().len(), "{said}");
    assert!(!said.contains("duplicate"), "{said}");
}

#[test]
fn c25c_the_shipped_rules_fire_when_they_should_and_not_when_not() {
    let tests = files("catalog/alerts/tests", "yaml");
    assert_eq!(tests.len(), rule_files().len());
    run(Command::new(need("promtool")).args(["test", "rules"]).args(tests));
}

#[test]
fn c25b_promtool_takes_what_we_write() {
    let scratch = Scratch::new("rules");
    let presets = RuleFile { groups: vec![Thresholds::default().group(Preset::ALL)] };
    let mut written = Vec::new();
    for (name, file) in rule_files().into_iter().chain([("presets".into(), presets)]) {
        let text = serde_saphyr::to_string(&file).unwrap();
        assert_eq!(serde_saphyr::from_str::<RuleFile>(&text).unwrap(), file, "{text}");
        written.push(scratch.write(&format!("{name}.yaml"), &text));
    }
    run(Command::new(need("promtool")).args(["check", "rules"]).args(written));
}

#[test]
fn every_virsh_command_of_a_runbook_is_one() {
    let mut commands: BTreeSet<String> = BTreeSet::new();
    for page in files("docs/runbooks", "md") {
        let text = std::fs::read_to_string(page).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for after in text.split("virsh -c URI").skip(1) {
            // `URI1`, where there are two.
            let after = after.trim_start_matches(|it: char| it.is_ascii_digit());
            let word = after.split_whitespace().next().unwrap();
            commands.insert(word.trim_matches(|it: char| "`,.)".contains(it)).into());
        }
    }
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        run(Command::new("virsh").args(["help", &command]));
    }
}

/// A directory for one test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostler-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The only alert of the only group.
fn alert_of(file: &RuleFile) -> AlertRule {
    let mut groups = check(file, &|_| Ok(())).unwrap();
    match groups.remove(0).rules.remove(0) {
        CheckedRule::Alert(alert) => alert,
        CheckedRule::Record(record) => panic!("{record:?}"),
    }
}

#[test]
fn texts_read_as_prometheus_writes_them() {
    let functions =
        ["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "printf \"%.2f\""];
    let mut annotations = LabelSet::new();
    for (at, function) in functions.into_iter().enumerate() {
        annotations.insert(format!("piped{at}"), format!("a {{{{ $value | {function} }}}} b"));
    }
    for (name, text) in [
        ("plain", "{{ $value }}"),
        ("called", "{{ humanize $value }}"),
        ("both", "{{ printf \"%s: %g %v %.1f%%\" $labels.vm .Value $value .Value }}"),
        ("trimmed", "x  {{- .Labels.vm -}}  y {{ $labels.none }}|"),
        ("upper", "{{ $labels.vm | toUpper }}{{/* a note */}}"),
    ] {
        annotations.insert(name.into(), text.into());
    }
    let rule =
        Rule { alert: Some("Text".into()), expr: "x".into(), annotations, ..Rule::default() };
    let group = RuleGroup {
        name: "g".into(),
        interval: None,
        query_offset: None,
        limit: None,
        rules: vec![rule],
    };
    let file = RuleFile { groups: vec![group] };
    // Beyond 2^63 seconds Prometheus' durations overflow; ours do not.
    let values = [
        0.0,
        1.0,
        -1.0,
        0.5,
        0.1234,
        999.4,
        1000.0,
        1023.0,
        1024.0,
        59.5,
        61.0,
        7384.0,
        -90061.0,
        1_234_567.0,
        123_456_789.0,
        1e10,
        1e15,
        0.001,
        0.000_012_3,
        1e-9,
        -0.02,
        12_345.0,
    ];
    let mut tests = String::from("rule_files: [rules.yaml]\ntests:\n");
    for value in values {
        let sample = Sample { labels: [("vm".into(), "web".into())].into(), value };
        let (state, _) =
            step(RuleState::default(), &alert_of(&file), &[sample], Data::There, at_minute(0));
        let instance = &state.instances[0];
        let told = serde_json::to_string(&instance.annotations).unwrap();
        // JSON is YAML.
        tests += &format!(
            "  - interval: 1m\n    input_series: [{{series: 'x{{vm=\"web\"}}', values: '{value:e}'}}]\n    \
             alert_rule_test:\n      - eval_time: 0m\n        alertname: Text\n        exp_alerts: \
             [{{exp_labels: {{vm: web}}, exp_annotations: {told}}}]\n"
        );
    }
    let scratch = Scratch::new("texts");
    scratch.write("rules.yaml", &serde_saphyr::to_string(&file).unwrap());
    let tests = scratch.write("tests.yaml", &tests);
    run(Command::new(need("promtool")).args(["test", "rules"]).arg(tests));
}

fn at_minute(minute: usize) -> Timestamp {
    Timestamp::from_millis(i64::try_from(minute).unwrap() * 60_000)
}

#[test]
fn c25c_alerts_fire_and_end_in_the_same_minutes_as_in_prometheus() {
    // Each letter is a minute: `x` the condition holds. Lives that look random, and are not.
    let mut seed = 1_u32;
    let mut life = || -> Vec<bool> {
        let mut holds = false;
        (0..60)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                holds ^= (seed >> 24) < 90;
                holds
            })
            .collect()
    };
    let scratch = Scratch::new("lives");
    let (mut fired, mut written) = (0, Vec::new());
    for (at, (hold, keep)) in
        [("0s", "0s"), ("2m", "0s"), ("1m", "2m"), ("3m", "3m"), ("90s", "1m")].iter().enumerate()
    {
        let yaml = format!(
            "groups: [{{name: g, interval: 1m, rules: [{{alert: Life, expr: x == 1, for: {hold}, \
             keep_firing_for: {keep}, annotations: {{hostler_no_data: ok}}}}]}}]"
        );
        let rule = alert_of(&serde_saphyr::from_str(&yaml).unwrap());
        scratch.write(&format!("rules{at}.yaml"), &yaml);
        let mut tests = format!("rule_files: [rules{at}.yaml]\nevaluation_interval: 1m\ntests:\n");
        for _ in 0..5 {
            let life = life();
            let values: Vec<&str> = life.iter().map(|on| if *on { "1" } else { "0" }).collect();
            tests += &format!(
                "  - interval: 1m\n    input_series: [{{series: x, values: '{}'}}]\n    \
                 alert_rule_test:\n",
                values.join(" ")
            );
            let mut state = RuleState::default();
            for (minute, holds) in life.iter().enumerate() {
                let sample = [Sample { labels: LabelSet::new(), value: 1.0 }];
                let samples = if *holds { &sample[..] } else { &[] };
                (state, _) = step(state, &rule, samples, Data::There, at_minute(minute));
                let fires = state.instances.iter().any(Instance::is_firing);
                fired += usize::from(fires);
                let alerts =
                    if fires { "[{exp_annotations: {hostler_no_data: ok}}]" } else { "[]" };
                tests += &format!(
                    "      - {{eval_time: {minute}m, alertname: Life, exp_alerts: {alerts}}}\n"
                );
            }
        }
        written.push(scratch.write(&format!("tests{at}.yaml"), &tests));
    }
    assert!((200..1300).contains(&fired), "{fired} of 1500 minutes: the lives prove little");
    run(Command::new(need("promtool")).args(["test", "rules"]).args(written));
}

/// A configuration of Alertmanager with our documents in it.
fn alertmanager(scratch: &Scratch, route: &Route, inhibit: &[InhibitRule]) -> PathBuf {
    let receivers = "receivers: [{name: ops}, {name: pager}, {name: db}, {name: night}]\n";
    let document = serde_json::json!({ "route": route, "inhibit_rules": inhibit });
    let text = serde_saphyr::to_string(&document).unwrap();
    scratch.write("alertmanager.yaml", &format!("{receivers}{text}"))
}

#[test]
fn alertmanager_takes_what_we_write_and_sends_it_to_the_same_receivers() {
    let text = r#"
receiver: ops
group_by: [alertname]
routes:
  - {receiver: pager, matchers: ['severity="critical"'], continue: true, repeat_interval: 1h}
  - matchers: ['team=~"db.*"', 'vm!="db-test"']
    receiver: db
    group_by: ['...']
    routes:
      - {matchers: [team=db-night], receiver: night}
      - {matchers: ['vm!~"a.*"', 'severity=""'], receiver: ops, continue: true}
      - {matchers: ['vm=~"b.+"'], receiver: pager}
  - {matchers: [team=quiet], group_wait: 1m}
"#;
    let route: Route = serde_saphyr::from_str(text).unwrap();
    let names = ["ops", "pager", "db", "night"].map(str::to_owned).into();
    let routes = route::check(&route, &names).unwrap();
    let inhibit = [InhibitRule {
        source_matchers: vec!["alertname=HostDown".parse().unwrap()],
        target_matchers: vec!["vm=~\".+\"".parse().unwrap()],
        equal: vec!["host".into()],
    }];
    let scratch = Scratch::new("routes");
    let config = alertmanager(&scratch, &route, &inhibit);
    let file = format!("--config.file={}", config.display());
    run(Command::new(need("amtool")).arg("check-config").arg(&config));
    for severity in ["", "critical", "info"] {
        for team in ["", "db", "db-night", "quiet", "web"] {
            for vm in ["", "a", "b1", "db-test"] {
                let labels = [("severity", severity), ("team", team), ("vm", vm)];
                let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
                let labels: LabelSet =
                    labels.map(|(name, value)| (name.into(), value.into())).collect();
                let words = labels.iter().map(|(name, value)| format!("{name}={value}"));
                let mut amtool = Command::new(need("amtool"));
                amtool.args(["config", "routes", "test", &file]).args(words);
                let theirs = run(&mut amtool);
                let ours = routes.destinations(&labels).into_iter().map(|to| to.group.receiver);
                let ours: Vec<String> = ours.collect();
                assert_eq!(ours.join(","), theirs.trim(), "{labels:?}");
            }
        }
    }
}
