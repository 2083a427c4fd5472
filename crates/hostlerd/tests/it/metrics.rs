//! What was measured, as a scraper reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostler_core::clock::Clock;
use hostlerd::config::ConfiguredMetrics;
use serde_json::json;

use crate::fixture::Fixture;

/// A server that measures one running VM.
async fn measuring() -> Fixture {
    let labels = vec!["app.io/tier".to_owned()];
    let metrics = ConfiguredMetrics { interval_seconds: 1, labels, ..ConfiguredMetrics::default() };
    let fixture = Fixture::measuring(metrics).await;
    fixture.make_vm("web").await;
    fixture
}

pub(crate) async fn scrape(fixture: &Fixture, accept: &str) -> String {
    let answer = fixture.local().header("accept", accept).get("/metrics").await;
    assert_eq!(answer.status, 200);
    answer.text()
}

/// Scrapes until `wanted` is there.
pub(crate) async fn until(fixture: &Fixture, accept: &str, wanted: &str) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let text = scrape(fixture, accept).await;
        if text.contains(wanted) {
            return text;
        }
        assert!(tokio::time::Instant::now() < deadline, "{wanted} is never there: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a strict reader would refuse.
pub(crate) fn check(text: &str) {
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let name = told.split(' ').next().unwrap();
            assert!(families.insert(name.to_owned()), "{name} is told twice");
        } else if !line.starts_with('#') {
            let (key, value) = line.rsplit_once(' ').unwrap();
            assert!(series.insert(key.to_owned()), "{key} is there twice");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(!series.is_empty());
}

#[tokio::test]
async fn c11_c22a_what_was_measured_is_told_with_the_labels_of_its_vm() {
    let fixture = measuring().await;
    // Which pass comes first is chance.
    until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let text = until(&fixture, "*/*", "hostler_pool_capacity_bytes{").await;
    check(&text);
    let line = text.lines().find(|line| line.starts_with("hostler_vm_cpu_seconds_total{"));
    let line = line.unwrap();
    for label in ["vm=\"web\"", "host=\"h1\"", "provider=\"lab\"", "project=\"default\""] {
        assert!(line.contains(label), "{line}");
    }
    for wanted in [
        "# TYPE hostler_vm_cpu_seconds_total counter",
        "state=\"running\"} 1",
        "state=\"stopped\"} 0",
        "hostler_pool_capacity_bytes{pool=\"default\",host=\"h1\",provider=\"lab\",simulated=\"true\"}",
        "hostler_provider_up{provider=\"lab\",simulated=\"true\"} 1",
        "hostler_host_vcpus_assigned{host=\"h1\",provider=\"lab\",simulated=\"true\"} 1",
        "hostler_provider_silent_vms{provider=\"lab\",simulated=\"true\"} 0",
        "hostler_series_dropped_total{reason=\"twice\"} 0",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(text.lines().any(|line| {
        line.starts_with("hostler_vm_scrape_success{vm=\"web\"") && line.ends_with(" 1")
    }));
}

#[tokio::test]
async fn x1_openmetrics_is_told_to_those_who_ask_for_it() {
    let fixture = measuring().await;
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
    let text = until(&fixture, accept, "hostler_vm_cpu_seconds_total{").await;
    check(&text);
    assert!(text.contains(
        "# TYPE hostler_vm_cpu_seconds counter\n# UNIT hostler_vm_cpu_seconds seconds\n"
    ));
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    let refused = "text/plain;version=0.0.4, application/openmetrics-text;q=0";
    assert!(!scrape(&fixture, refused).await.contains("# EOF"));
}

#[tokio::test]
async fn x17_what_is_made_up_says_so_in_every_series_of_a_thing() {
    let fixture = measuring().await;
    let text = until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let things = ["hostler_vm_", "hostler_host_", "hostler_pool_", "hostler_provider_"];
    for line in text.lines().filter(|line| things.iter().any(|thing| line.starts_with(thing))) {
        assert!(line.contains("simulated=\"true\""), "{line}");
    }
}

#[tokio::test]
async fn only_the_labels_that_are_allowed_are_told() {
    let fixture = measuring().await;
    let vms = fixture.local().get("/api/v1/vms").await;
    let id = vms.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/vms/{id}");
    let etag = fixture.local().get(&path).await.header("etag");
    let change = json!({ "labels": { "app.io/tier": "fr\"ont", "secret": "x1y2" } });
    let patched = fixture
        .local()
        .header("if-match", &etag)
        .send("PATCH", &path, Some(("application/merge-patch+json", change.to_string().into())))
        .await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let text = until(&fixture, "*/*", "label_app_io_tier=\"fr\\\"ont\"").await;
    assert!(!text.contains("x1y2"));
    check(&text);
}

#[tokio::test]
async fn d4_a_stopped_vm_leaves_no_figures_of_a_running_one() {
    let fixture = measuring().await;
    until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let vms = fixture.local().get("/api/v1/vms").await;
    let id = vms.json()["items"][0]["id"].as_str().unwrap().to_owned();
    fixture.act(&id, "stop", Some(&json!({ "mode": "force" }))).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while scrape(&fixture, "*/*").await.contains("hostler_vm_cpu_seconds_total{") {
        assert!(tokio::time::Instant::now() < deadline, "it is still told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn x17_the_api_tells_each_figure_with_its_age_and_source() {
    let fixture = measuring().await;
    until(&fixture, "*/*", "hostler_host_cpus{").await;
    until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let vms = fixture.local().get("/api/v1/vms").await;
    let id = vms.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let told = fixture.local().get(&format!("/api/v1/vms/{id}/metrics")).await.json();
    assert_eq!((&told["of"]["name"], &told["simulated"]), (&json!("web"), &json!(true)));
    let passes = told["passes"].as_array().unwrap();
    let stats = passes.iter().find(|pass| pass["pass"] == "stats").unwrap();
    assert_eq!(stats["quality"], "ok");
    assert!(stats["age_seconds"].as_f64().is_some_and(|age| age >= 0.0));
    let figures = stats["figures"].as_array().unwrap();
    let delay = figures.iter().find(|it| it["metric"] == "hostler_vm_vcpu_delay_seconds_total");
    assert_eq!(delay.unwrap()["labels"], json!({ "vcpu": "0" }));
    let hosts = fixture.local().get("/api/v1/hosts").await;
    let host = hosts.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let told = fixture.local().get(&format!("/api/v1/hosts/{host}/metrics")).await.json();
    assert_eq!(told["passes"][0]["figures"][0]["metric"], "hostler_host_cpus");
    // A hung VM keeps what it told, which says that it is old and why.
    fixture.world.faults().hang_vm("web");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let told = fixture.local().get(&format!("/api/v1/vms/{id}/metrics")).await.json();
        let stats = told["passes"].as_array().unwrap().iter().find(|it| it["pass"] == "stats");
        let stats = stats.unwrap();
        if stats["quality"] == "stale" {
            assert_eq!(stats["reason"], "the VM does not answer");
            assert!(!stats["figures"].as_array().unwrap().is_empty());
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{told:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks the history; `terms` as in a URL.
pub(crate) async fn ask(fixture: &Fixture, terms: &str) -> crate::client::Answer {
    fixture.local().get(&format!("/api/v1/metrics/query?{terms}")).await
}

#[tokio::test]
async fn c11_d22_what_was_measured_is_remembered_and_answers_queries() {
    let fixture = measuring().await;
    let query = "query=hostler_vm_cpu_seconds_total%7Bvm%3D%22web%22%7D";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    // Time stands still here unless told to go on, and a series has one value at a time.
    let series = loop {
        fixture.clock.advance(Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = ask(&fixture, query).await.json();
        assert_eq!(now["kind"], "vector", "{now:#}");
        let start = fixture.clock.now().minus(Duration::from_secs(3600));
        let range = ask(&fixture, &format!("{query}&start={start}&step_seconds=1")).await.json();
        let samples = range["series"][0]["samples"].as_array().map_or(0, Vec::len);
        if now["series"][0]["samples"][0][1].is_f64() && samples > 2 {
            assert_eq!((&range["kind"], &range["step_seconds"]), (&json!("matrix"), &json!(1)));
            break now["series"][0]["labels"].clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{now:#} {range:#}");
    };
    assert_eq!(
        (&series["__name__"], &series["host"]),
        (&json!("hostler_vm_cpu_seconds_total"), &json!("h1"))
    );
    assert_eq!(series["simulated"], "true");
}

#[tokio::test]
async fn a_query_that_is_none_is_refused_with_its_place() {
    let fixture = Fixture::remembering().await;
    for (terms, why) in [
        ("query=rate(up)", "line 1"),
        ("query=up&at=2026-11-21T04:00:00Z&start=2026-11-21T04:00:00Z", "give one"),
        ("query=up&step_seconds=5", "need `start`"),
        ("query=up&start=2026-11-21T04:00:00Z&step_seconds=0", "1 or more"),
        ("query=up&start=2026-11-21T05:00:00Z&end=2026-11-21T04:00:00Z", "end"),
        ("query=up&start=2020-11-21T05:00:00Z&step_seconds=1", ""),
        ("query=up&at=yesterday", ""),
    ] {
        let answer = ask(&fixture, terms).await;
        let told = answer.text();
        assert!((400..500).contains(&answer.status), "{terms}: {} {told}", answer.status);
        assert!(told.contains(why), "{terms}: {told}");
    }
    let empty = ask(&fixture, "query=up").await.json();
    assert_eq!((&empty["kind"], &empty["series"]), (&json!("vector"), &json!([])));
}

#[tokio::test]
async fn where_no_history_is_kept_queries_say_so() {
    let fixture = Fixture::start().await;
    assert_eq!(ask(&fixture, "query=up").await.code(), "capability_missing");
}

/// The series of a page, as the history names them: without labels that are empty.
fn series_of(page: &str) -> BTreeSet<BTreeMap<String, String>> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.trim_end_matches('"').split_once("=\"").unwrap());
        let pairs = pairs.filter(|(_, value)| !value.is_empty());
        let mut all: BTreeMap<String, String> =
            pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        all.insert("__name__".to_owned(), name.to_owned());
        all
    };
    lines.map(read).collect()
}

/// Everything that the history has at present.
async fn remembered(fixture: &Fixture) -> BTreeSet<BTreeMap<String, String>> {
    let answer = ask(fixture, "query=%7B__name__%3D~%22.%2B%22%7D").await.json();
    let series = answer["series"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    let labels = |it: &serde_json::Value| serde_json::from_value(it["labels"].clone()).unwrap();
    series.iter().map(labels).collect()
}

#[tokio::test]
async fn c25a_whatever_a_scraper_is_told_is_in_the_history_by_the_same_labels() {
    let fixture = measuring().await;
    until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let told = series_of(&scrape(&fixture, "*/*").await);
        for name in ["hostler_vm_state", "hostler_provider_up", "hostler_op_state", "hostler_vms"] {
            assert!(told.iter().any(|series| series["__name__"] == name), "{name} is not told");
        }
        fixture.clock.advance(Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let kept = remembered(&fixture).await;
        let missing: Vec<_> = told.difference(&kept).collect();
        if missing.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "not in the history: {missing:#?}");
    }
    // What is gone ends, in the history as on the page, and not five minutes later.
    let vms = fixture.local().get("/api/v1/vms").await;
    let id = vms.json()["items"][0]["id"].as_str().unwrap().to_owned();
    fixture.act(&id, "stop", Some(&json!({ "mode": "force" }))).await;
    let gone = |kept: &BTreeSet<BTreeMap<String, String>>| {
        let ended = ["kubevirt_vmi_hypervisor_info", "hostler_vm_cpu_seconds_total"];
        !kept.iter().any(|series| ended.contains(&series["__name__"].as_str()))
    };
    loop {
        fixture.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let kept = remembered(&fixture).await;
        if gone(&kept) {
            assert!(kept.iter().any(|series| series["__name__"] == "hostler_vm_state"));
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "it is carried on");
    }
}

/// A page under the names of the exporter for libvirt.
async fn their_page(fixture: &Fixture, accept: &str) -> String {
    let answer = fixture.local().header("accept", accept).get("/metrics?profile=libvirt").await;
    assert_eq!(answer.status, 200);
    answer.text()
}

#[tokio::test]
async fn d11_the_names_of_the_libvirt_exporter_are_told_to_who_asks_for_them() {
    let fixture = measuring().await;
    until(&fixture, "*/*", "hostler_vm_cpu_seconds_total{").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let text = loop {
        let text = their_page(&fixture, "*/*").await;
        if text.contains("cpu_time_seconds_total{") && text.contains("storage_pool_capacity") {
            break text;
        }
        assert!(tokio::time::Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    check(&text);
    let labels = "domain=\"web\",host=\"h1\",provider=\"lab\",simulated=\"true\"";
    for wanted in [
        "# TYPE libvirt_domain_info_cpu_time_seconds_total counter".to_owned(),
        "libvirt_up{provider=\"lab\",simulated=\"true\"} 1".to_owned(),
        "libvirt_domains{provider=\"lab\",simulated=\"true\"} 1".to_owned(),
        format!("libvirt_domain_info_state{{{labels},state_desc=\"the domain is running\"}} 1"),
        format!("libvirt_domain_timed_out{{{labels}}} 0"),
        format!("libvirt_domain_info_virtual_cpus{{{labels}}} 1"),
        format!("libvirt_domain_memory_stats_rss_bytes{{{labels}}} "),
        format!("libvirt_domain_vcpu_time_seconds_total{{{labels},vcpu=\"0\"}} "),
        "libvirt_storage_pool_capacity_bytes{storage_pool=\"default\",host=\"h1\"".to_owned(),
    ] {
        assert!(text.contains(&wanted), "{wanted}: {text}");
    }
    let names = text.lines().filter(|line| !line.starts_with('#'));
    assert!(names.clone().count() > 20 && names.clone().all(|line| line.starts_with("libvirt_")));
    // Seconds are seconds: what one processor took since it was made.
    let took = text.lines().find(|line| line.starts_with("libvirt_domain_info_cpu_time"));
    let took: f64 = took.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(took > 0.0 && took < 600.0, "{took}");
    let open = their_page(&fixture, "application/openmetrics-text;version=1.0.0").await;
    check(&open);
    assert!(open.contains("# TYPE libvirt_domain info\n") && open.ends_with("# EOF\n"));
    let refused = fixture.local().get("/metrics?profile=other").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "query_invalid"));
    assert!(scrape(&fixture, "*/*").await.contains("hostler_vm_state{"), "and ours to others");
}

#[tokio::test]
async fn d20_by_configuration_the_exporters_names_are_told_to_all() {
    let profile = hostlerd::config::Profile::Libvirt;
    let metrics =
        ConfiguredMetrics { interval_seconds: 1, profile, ..ConfiguredMetrics::default() };
    let fixture = Fixture::measuring(metrics).await;
    let text = until(&fixture, "*/*", "libvirt_up{").await;
    assert!(!text.contains("hostler_"), "{text}");
    let ours = fixture.local().get("/metrics?profile=hostler").await.text();
    assert!(ours.contains("hostler_build_info{"), "{ours}");
}
