//! What is taken and what is not; and that whatever is taken can be written and read.

use proptest::prelude::*;

use super::*;
use crate::metrics::exposition::{Format, Head, Writer};

const LIMITS: SizeLimits = SizeLimits { labels: 3, name_bytes: 32, value_bytes: 16 };

fn pushed(name: &str, labels: &[(&str, &str)], value: f64) -> Pushed {
    let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Pushed { place: Place::Item(2), name: name.into(), kind: None, labels, value, at: None }
}

/// The codes and pointers of its faults.
fn faults(pushed: &Pushed) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let checked = check(pushed, &LIMITS, &mut faults);
    assert_eq!(checked.is_none(), !faults.is_empty(), "{faults:?}");
    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

fn only(pushed: &Pushed, field: &str, code: &str) {
    let wanted = vec![(format!("/samples/2/{field}"), code.to_owned())];
    assert_eq!(faults(pushed), wanted, "{pushed:?}");
}

#[test]
fn c25e_a_name_tells_the_kind() {
    let mut none = Vec::new();
    let (key, kind) = check(&pushed("jobs_total", &[("q", "a")], 3.0), &LIMITS, &mut none).unwrap();
    assert_eq!((key.to_string().as_str(), kind), ("jobs_total{q=\"a\"}", MetricKind::Counter));
    let (_, kind) = check(&pushed("queue_length", &[], -3.0), &LIMITS, &mut none).unwrap();
    assert_eq!((kind, none.len()), (MetricKind::Gauge, 0));
    for (name, kind, code) in [
        ("jobs", "counter", "kind_mismatch"),
        ("jobs_total", "gauge", "kind_mismatch"),
        ("jobs", "histogram", "unknown"),
        ("jobs", "GAUGE\n", "unknown"),
    ] {
        only(&Pushed { kind: Some(kind.into()), ..pushed(name, &[], 1.0) }, "kind", code);
    }
}

#[test]
fn c25e_no_metric_of_the_catalogue_can_be_pushed() {
    for metric in Metric::ALL {
        let pushed = pushed(metric.name(), &[], 1.0);
        let mut faults = Vec::new();
        let limits = SizeLimits { name_bytes: 256, ..LIMITS };
        assert_eq!(check(&pushed, &limits, &mut faults), None, "{}", metric.name());
        assert_eq!(faults[0].code, "reserved", "{faults:?}");
    }
    for name in ["up", "ALERTS", "__name__", "scrape_samples_scraped", "libvirt_up", "job:x:sum"] {
        only(&pushed(name, &[], 1.0), "name", "reserved");
    }
    for name in ["kubevirt_x", "hostler_x", "process_x", "a_created", "a_bucket", "a_created_total"]
    {
        only(&pushed(name, &[], 1.0), "name", "reserved");
    }
}

#[test]
fn a7_what_would_spoil_a_page_is_refused_with_its_place() {
    for name in [
        "",
        "1up",
        "a b",
        "a\n# TYPE b gauge\nb 1",
        "a{b=\"c\"}",
        "ü",
        "a-b",
        "_total",
        "a_total_total",
    ] {
        only(&pushed(name, &[], 1.0), "name", "not_a_name");
    }
    only(&pushed(&"a".repeat(33), &[], 1.0), "name", "too_long");
    for name in ["", "a b", "1", "a:b", "a=\"1\",b", "a\n"] {
        only(&pushed("a", &[(name, "1")], 1.0), "labels", "not_a_name");
    }
    for name in ["__x", "vm", "vm_id", "host", "provider", "project", "simulated"] {
        only(&pushed("a", &[(name, "1")], 1.0), "labels", "reserved");
    }
    only(&pushed("a", &[("b", &"x".repeat(17))], 1.0), "labels", "too_long");
    only(&pushed("a", &[(&"b".repeat(33), "x")], 1.0), "labels", "too_long");
    only(&pushed("a", &[("b", "x\ny")], 1.0), "labels", "control_character");
    only(&pushed("a", &[("b", "\u{1b}[2J")], 1.0), "labels", "control_character");
    let many = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")];
    only(&pushed("a", &many, 1.0), "labels", "too_many");
    only(&pushed("a", &[("b", "1"), ("b", "2")], 1.0), "labels", "invalid");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        only(&pushed("a", &[], value), "value", "not_finite");
    }
    only(&pushed("a_total", &[], -1.0), "value", "negative");
}

#[test]
fn every_fault_of_a_sample_is_told_at_once_and_names_the_key_of_its_limit() {
    let bad = pushed("hostler_x", &[("vm", "web"), ("b", &"x".repeat(17))], f64::NAN);
    let mut faults = Vec::new();
    assert_eq!(check(&bad, &LIMITS, &mut faults), None);
    let told: Vec<_> = faults.iter().map(|it| it.detail.as_str()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let wanted = "the value of \"b\" has 17 bytes; metrics.custom.max_value_bytes allows 16";
    assert_eq!(told[2], wanted);
}

#[test]
fn d22_what_scripts_write_for_a_textfile_is_read() {
    let text = "# HELP backup_age_seconds Age of the newest\n# TYPE backup_age_seconds gauge\n\
        backup_age_seconds{job=\"a \\\"b\\\" \\\\ \\n\",} 12.5\r\n\n# a comment\n\
        # TYPE runs_total counter\nruns_total\t7 1700000000123\n  free 1e3  \n# EOF";
    let (samples, faults) = read(text, 10);
    assert_eq!(faults, []);
    let told: Vec<_> = samples.iter().map(|it| (it.place, it.name.as_str(), it.value)).collect();
    let wanted = [
        (Place::Line(3), "backup_age_seconds", 12.5),
        (Place::Line(7), "runs_total", 7.0),
        (Place::Line(8), "free", 1000.0),
    ];
    assert_eq!(told, wanted);
    assert_eq!(samples[0].labels, [("job".to_owned(), "a \"b\" \\ \n".to_owned())]);
    assert_eq!(samples[0].kind.as_deref(), Some("gauge"));
    assert_eq!(samples[1].at, Some(Timestamp::from_millis(1_700_000_000_123)));
    assert_eq!((samples[2].kind.as_deref(), samples[2].at), (None, None));
}

#[test]
fn a_line_that_is_no_sample_is_named_by_its_number() {
    for (line, why) in [
        ("a", "has no value"),
        ("a ", "has no value"),
        ("a{", "has labels that do not end"),
        ("a{b", "has labels that do not end"),
        ("a{b=c} 1", "has a label whose value is not in quotes"),
        ("a{b=\"c} 1", "has a label whose value does not end"),
        ("a{b=\"\\x\"} 1", "has an escape in a label that there is not"),
        ("a{b=\"1\" c=\"2\"} 1", "has labels without a comma between them"),
        ("a{b=\"1\",b=\"2\"} 1", "has a label twice"),
        ("a one", "has a value that is no number"),
        ("a 1 yesterday", "has a time that is no number of milliseconds"),
        ("a 1 2 3", "goes on after value and time"),
        ("a 1 # {trace=\"x\"} 1", "has a time that is no number of milliseconds"),
        ("# TYPE a histogram", "declares a histogram; gauges and counters are taken"),
        ("# TYPE a", "is no `# TYPE NAME KIND`"),
    ] {
        let (samples, faults) = read(&format!("fine 1\n{line}\n"), 10);
        assert_eq!(samples.len(), 1, "{line}");
        let told: Vec<_> = faults.iter().map(|it| (&*it.pointer, &*it.detail)).collect();
        assert_eq!(told, [("line 2", why)], "{line}");
    }
    let (_, faults) = read("# TYPE a gauge\n# TYPE a counter\n", 10);
    assert_eq!(faults[0].detail, "declares a gauge anew as counter");
    // Neither samples nor faults without end.
    assert_eq!(read(&"a 1\n".repeat(100), 10).0.len(), 11);
    assert_eq!(read(&"a\n".repeat(100), 10).1.len(), 20);
}

/// Labels as anybody could send them, most of them sound.
fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = "\\PC{0,12}|[\\\\\"{}=, #]{0,12}|.{0,4}";
    prop::collection::vec(("[a-z_]{1,6}|.{0,3}", value), 0..4)
}

proptest! {
    #[test]
    fn a7_whatever_is_taken_is_one_line_and_reads_back_as_it_was(
        name in "[a-z_]{1,8}(_total)?|.{0,6}", labels in labels(), value in any::<f64>(),
    ) {
        let pushed =
            Pushed { place: Place::Item(0), name, kind: None, labels, value, at: None };
        let Some((key, kind)) = check(&pushed, &LIMITS, &mut Vec::new()) else { return Ok(()) };
        for format in [Format::Text, Format::OpenMetrics] {
            let mut writer = Writer::new(format);
            writer.family(&Head { name: key.name(), kind, unit: "", help: "x" });
            let labels = key.labels().iter().map(|(name, value)| (&**name, &**value));
            writer.sample(key.name(), labels, value);
            let text = writer.into_part();
            prop_assert_eq!(text.lines().count(), 3, "{}", text);
            if format == Format::Text {
                let (samples, faults) = read(&text, 10);
                prop_assert_eq!(faults, vec![]);
                let again = check(&samples[0], &LIMITS, &mut Vec::new());
                prop_assert_eq!(again, Some((key.clone(), kind)));
                prop_assert_eq!(samples[0].value, value);
            }
        }
    }

    #[test]
    fn reading_never_panics(text in "(.{0,20}|[a#{}\"=\\\\ \n,1]{0,40})") {
        let (samples, faults) = read(&text, 5);
        prop_assert!(samples.len() <= 6 && faults.len() <= 20);
    }
}
