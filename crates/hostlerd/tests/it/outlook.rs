//! What will be of things, asked over HTTP.

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::Clock;
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::Archive;
use serde_json::{Value, json};

use crate::fixture::Fixture;

const GIB: f64 = 1_073_741_824.0;
const DAY_MS: f64 = 86_400_000.0;

/// 24 days of a host whose memory fills by 1 GiB a day, and is full in 3 days; and of a
/// pool that was measured for one day only.
fn fill(archive: &Archive, now: Timestamp) {
    const EVERY_MS: i64 = 600_000;
    let of = |name: &str, labels: &[(&str, &str)]| {
        let own = [("host", "h1"), ("provider", "lab"), ("simulated", "true")];
        SeriesKey::new(name, own.into_iter().chain(labels.iter().copied())).unwrap()
    };
    let total = of("hostler_host_memory_total_bytes", &[]);
    let free = of("hostler_host_memory_available_bytes", &[]);
    let capacity = of("hostler_pool_capacity_bytes", &[("pool", "default")]);
    let allocated = of("hostler_pool_allocated_bytes", &[("pool", "default")]);
    let mut batch = Vec::new();
    for back in (0..24 * 144).rev() {
        let at_ms = now.as_millis() - back * EVERY_MS;
        let days = (at_ms - now.as_millis()) as f64 / DAY_MS;
        let sample = |key: &SeriesKey, gib: f64| (key.clone(), Sample { at_ms, value: gib * GIB });
        batch.extend([sample(&total, 64.0), sample(&free, 3.0 - days)]);
        if days > -1.0 {
            batch.extend([sample(&capacity, 100.0), sample(&allocated, 50.0 + days)]);
        }
        // What is older than an hour is late.
        if back % 5 == 0 {
            let appended = archive.append(at_ms, &batch).unwrap();
            assert_eq!(appended.written, batch.len() as u64, "{appended:?}");
            batch.clear();
        }
    }
}

async fn path_of(fixture: &Fixture, kind: &str) -> String {
    let all = fixture.local().get(&format!("/api/v1/{kind}")).await.json();
    let is_it = |it: &&Value| it["name"] == "h1" || it["host"]["name"] == "h1";
    let of = all["items"].as_array().unwrap().iter().find(is_it).unwrap();
    format!("/api/v1/{kind}/{}/outlook", of["id"].as_str().unwrap())
}

fn resource<'a>(told: &'a Value, name: &str) -> &'a Value {
    let all = told["resources"].as_array().unwrap();
    all.iter().find(|it| it["resource"] == name).unwrap()
}

/// Why there is no answer to `of`.
fn missing<'a>(resource: &'a Value, of: &str) -> &'a Value {
    let all = resource["missing"].as_array().unwrap();
    all.iter().find(|it| it["of"] == of).unwrap_or_else(|| panic!("{of}: {resource:#}"))
}

#[tokio::test]
async fn d22_a_host_that_fills_is_told_with_when_how_sure_and_from_what() {
    let fixture = Fixture::remembering_what(&fill).await;
    let told = fixture.local().get(&path_of(&fixture, "hosts").await).await.json();
    assert_eq!((&told["of"]["name"], &told["simulated"]), (&json!("h1"), &json!(true)));
    assert_eq!((&told["horizon_seconds"], &told["left_out"]), (&json!(604_800), &json!(0)));
    assert_eq!(told["sizing"], json!([]));
    let memory = resource(&told, "memory");
    assert_eq!((&memory["unit"], &memory["limit"]), (&json!("bytes"), &json!(64.0 * GIB)));
    let full = &memory["time_to_full"];
    assert_eq!(full["state"], "filling");
    let time = |name: &str| -> Timestamp { full[name].as_str().unwrap().parse().unwrap() };
    let truth = fixture.clock.now().plus(Duration::from_secs(3 * 86_400));
    let hour = Duration::from_secs(3600);
    assert!(time("earliest") <= time("likely") && time("likely") <= time("latest"), "{full:#}");
    assert!(time("likely") > truth.minus(hour) && time("likely") < truth.plus(hour), "{full:#}");
    let (line, naive) = (&full["back_test"]["mean_error"], &full["back_test"]["naive_error"]);
    assert!(line.as_f64().unwrap() < 0.01 * naive.as_f64().unwrap(), "{full:#}");
    assert!((memory["trend"]["per_day"].as_f64().unwrap() / GIB - 1.0).abs() < 0.01);
    let history = &memory["history"];
    assert_eq!(
        (&history["step_seconds"], &history["resolution_seconds"]),
        (&json!(3600), &json!(3600))
    );
    assert!(history["values"].as_u64().unwrap() > 500, "{history}");
    let forecast = &memory["forecast"];
    let [low, value, high] = ["low", "value", "high"].map(|it| forecast[it].as_f64().unwrap());
    assert!(low <= value && value <= high && (value / GIB - 68.0).abs() < 0.2, "{forecast:#}");
    assert!(forecast["back_test"]["trials"].as_u64().unwrap() >= 8, "{forecast:#}");
    assert!(forecast["steps"].as_array().unwrap().len() <= 100);
    // The query is one that answers.
    let query = memory["query"].as_str().unwrap();
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let asked = format!("/api/v1/metrics/query?query={encoded}");
    let asked = fixture.local().get(&asked).await.json();
    assert!(asked["series"][0]["samples"][0][1].as_f64().unwrap() > 60.0 * GIB, "{asked:#}");
    // What was never measured says so, and has no figure at all.
    let cpu = resource(&told, "cpu");
    for of in ["trend", "forecast", "anomalies.hour_of_day", "anomalies.level"] {
        assert_eq!(missing(cpu, of)["why"], "not_measured", "{of}");
    }
    for nothing in ["recent", "limit", "trend", "time_to_full", "forecast"] {
        assert_eq!(cpu[nothing], Value::Null, "{nothing}");
    }
}

#[tokio::test]
async fn d22_a_pool_of_a_day_is_told_how_much_there_is_and_how_much_is_needed() {
    let fixture = Fixture::remembering_what(&fill).await;
    let path = path_of(&fixture, "pools").await;
    let told = fixture.local().get(&path).await.json();
    let pool = resource(&told, "pool");
    assert_eq!((&pool["trend"], &pool["forecast"]), (&Value::Null, &Value::Null));
    let trend = missing(pool, "trend");
    assert_eq!((&trend["why"], &trend["unit"]), (&json!("not_enough_data"), &json!("values")));
    assert_eq!(
        (trend["have"].as_f64(), trend["need"].as_f64()),
        (pool["history"]["values"].as_f64(), Some(30.0))
    );
    assert!(trend["reason"].as_str().unwrap().contains("and 30 are needed"), "{trend}");
    // For an hour a day is enough, and it is not full then.
    let told = fixture.local().get(&format!("{path}?horizon_seconds=3600")).await.json();
    let pool = resource(&told, "pool");
    assert_eq!(
        (&pool["time_to_full"]["state"], &pool["history"]["step_seconds"]),
        (&json!("not_within_horizon"), &json!(300))
    );
}

#[tokio::test]
async fn a_horizon_that_is_none_is_refused_with_what_it_has_to_be() {
    let fixture = Fixture::remembering().await;
    let path = path_of(&fixture, "hosts").await;
    for (terms, why) in [
        ("horizon_seconds=0", "from 3600 (an hour) to 7776000 seconds (90 days), and is 0"),
        ("horizon_seconds=7776001", "and is 7776001"),
        ("horizon_seconds=soon", "horizon_seconds"),
        ("horizon_seconds=-1", "horizon_seconds"),
        ("horizon=7d", "horizon"),
    ] {
        let answer = fixture.local().get(&format!("{path}?{terms}")).await;
        let told = answer.text();
        assert!((400..500).contains(&answer.status), "{terms}: {} {told}", answer.status);
        assert!(told.contains(why), "{terms}: {told}");
    }
    let none = path.replace("hosts", "vms");
    assert_eq!(fixture.local().get(&none).await.code(), "vm_not_found");
    let without = Fixture::start().await;
    let path = path_of(&without, "hosts").await;
    assert_eq!(without.local().get(&path).await.code(), "capability_missing");
}
