//! Files of rules: what is taken, and each fault with its place.

use super::*;

fn read(yaml: &str) -> RuleFile {
    serde_saphyr::from_str(yaml).unwrap()
}

fn faults(yaml: &str) -> Vec<(String, String)> {
    let expression = |text: &str| {
        if text.contains("((") { Err("brackets do not close".into()) } else { Ok(()) }
    };
    let faults = check(&read(yaml), &expression).unwrap_err();
    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

const WHOLE: &str = r#"
groups:
  - name: vms
    interval: 30s
    limit: 5
    rules:
      - record: vm:cpu:rate5m
        expr: rate(hostler_vm_cpu_seconds_total[5m])
        labels: {tier: raw}
      - alert: VmCrashed
        expr: hostler_vm_state{state="crashed"} == 1
        for: 1m30s
        keep_firing_for: 5m
        labels: {severity: critical, who: "{{ $labels.project }}"}
        annotations:
          summary: "VM {{ $labels.vm }} crashed"
          hostler_no_data: firing
"#;

#[test]
fn c25b_a_rule_file_of_prometheus_is_read_checked_and_written_back() {
    let file = read(WHOLE);
    let groups = check(&file, &|_| Ok(())).unwrap();
    let [CheckedRule::Record(record), CheckedRule::Alert(alert)] = &*groups[0].rules else {
        panic!("{groups:?}")
    };
    assert_eq!((record.name.as_str(), record.limit), ("vm:cpu:rate5m", 5));
    assert_eq!(alert.hold, "90s".parse().unwrap());
    assert_eq!((alert.interval, alert.limit), (Period::seconds(30), 5));
    assert_eq!(alert.no_data, NoData::Firing);
    let names: Vec<&str> = alert.annotations.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["summary"], "ours are not for people");
    let text = serde_saphyr::to_string(&file).unwrap();
    assert_eq!(read(&text), file, "{text}");
    assert!(text.contains("for: 1m30s") && !text.contains("query_offset"), "{text}");
}

#[test]
fn c25b_all_faults_are_told_at_once_each_with_its_place() {
    let told = faults(
        r#"
groups:
  - name: a
    interval: 10ms
    rules:
      - expr: up
      - {record: a, alert: b, expr: up}
      - {record: "1a", expr: up, for: 1m, keep_firing_for: 1m, annotations: {x: y}}
      - {alert: "", expr: " "}
      - alert: B
        expr: ((
        labels: {alertname: x, "a-b": x, __c: x, d: "{{ nosuch }}"}
        annotations: {e: "{{ $value", hostler_no_data: maybe, hostler_nodata: ok, "f-g": x}
      - {alert: C, expr: up, labels: {a: b}}
      - {alert: C, expr: up == 0, labels: {a: b}}
  - name: a
    rules: []
  - name: ""
"#,
    );
    let told: Vec<(&str, &str)> =
        told.iter().map(|(place, code)| (place.as_str(), code.as_str())).collect();
    let rules = |rest: &str| format!("/groups/0/rules/{rest}");
    for (place, code) in [
        ("/groups/0/interval".into(), "too_small"),
        (rules("0"), "missing"),
        (rules("1"), "ambiguous"),
        (rules("2/record"), "invalid"),
        (rules("2/for"), "not_allowed"),
        (rules("2/keep_firing_for"), "not_allowed"),
        (rules("2/annotations"), "not_allowed"),
        (rules("3/expr"), "missing"),
        (rules("3/alert"), "invalid"),
        (rules("4/expr"), "invalid"),
        (rules("4/labels/alertname"), "reserved"),
        (rules("4/labels/a-b"), "invalid"),
        (rules("4/labels/__c"), "reserved"),
        (rules("4/labels/d"), "template"),
        (rules("4/annotations/e"), "template"),
        (rules("4/annotations/hostler_no_data"), "invalid"),
        (rules("4/annotations/hostler_nodata"), "unknown"),
        (rules("4/annotations/f-g"), "invalid"),
        (rules("6"), "duplicate"),
        ("/groups/1/name".into(), "duplicate"),
        ("/groups/2/name".into(), "invalid"),
    ] {
        assert!(told.contains(&(place.as_str(), code)), "{place} {code} is not in {told:#?}");
    }
    assert_eq!(told.len(), 21, "{told:#?}");
}

#[test]
fn what_a_rule_file_does_not_have_is_refused_where_it_stands() {
    for (yaml, why) in [
        ("groups:\n  - name: a\n    rulez: []\n", "rulez"),
        ("groups:\n  - name: a\n    rules:\n      - {alert: b, expr: up, four: 5m}\n", "four"),
        ("groups:\n  - name: a\n    rules:\n      - {alert: b, expr: up, for: soon}\n", "soon"),
        ("groups:\n  - name: a\n    rules:\n      - {alert: b}\n", "expr"),
    ] {
        let error = serde_saphyr::from_str::<RuleFile>(yaml).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("line"), "{error}");
    }
}

#[test]
fn a_limit_of_none_is_still_one() {
    let file = read("groups:\n  - {name: a, limit: 0, rules: [{alert: b, expr: up}]}\n");
    let groups = check(&file, &|_| Ok(())).unwrap();
    assert!(matches!(&groups[0].rules[0], CheckedRule::Alert(rule)
            if rule.limit == INSTANCES_MAX && rule.interval == INTERVAL
                && rule.no_data == NoData::Keep));
}
