//! What will be, for people and for programs.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{fleet, run};

const GIB: f64 = 1_073_741_824.0;

fn missing(of: &str, why: &str, reason: &str) -> Value {
    json!({ "of": of, "why": why, "have": null, "need": null, "unit": null, "reason": reason })
}

fn resource(name: &str, unit: &str, more: &Value) -> Value {
    let mut all = json!({
        "resource": name, "unit": unit, "query": "up", "recent": null, "limit": null,
        "history": { "values": 0, "since": null, "until": null, "step_seconds": 3600,
            "resolution_seconds": null },
        "trend": null, "time_to_full": null, "forecast": null, "anomalies": [], "missing": [],
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

fn root() -> Value {
    resource(
        "filesystem",
        "bytes",
        &json!({
            "labels": { "mountpoint": "/", "filesystem": "ext4" },
            "recent": 62.0 * GIB, "limit": 66.0 * GIB,
            "history": { "values": 1008, "since": "2026-10-10T04:00:00.000000Z",
                "until": "2026-11-21T04:00:00.000000Z", "step_seconds": 3600,
                "resolution_seconds": 3600 },
            "trend": { "per_day": GIB, "per_day_low": 0.9 * GIB, "per_day_high": 1.1 * GIB,
                "spread": 1e7, "looked_back_seconds": 601_200 },
            "time_to_full": { "state": "filling", "earliest": "2026-11-24T16:00:00.000000Z",
                "likely": "2026-11-25T04:00:00.000000Z", "latest": null,
                "back_test": { "trials": 8, "ahead_seconds": 604_800, "mean_error": 0.5 * GIB,
                    "naive_error": 7.0 * GIB } },
            "forecast": { "model": "line", "at": "2026-11-28T04:00:00.000000Z", "value": 69.0 * GIB,
                "low": 68.0 * GIB, "high": 70.0 * GIB,
                "steps": [[1_795_838_400_000_i64, 69.0 * GIB, 68.0 * GIB, 70.0 * GIB]],
                "back_test": { "trials": 24, "mean_error": 0.25 * GIB, "mean_share": 0.004,
                    "held": 0.91, "held_wanted": 0.9, "naive_error": 4.0 * GIB } },
        }),
    )
}

fn outlook() -> Value {
    let cpu = json!({
        "recent": 0.9,
        "anomalies": [{ "kind": "hour_of_day", "seen": 0.9, "expected_low": 0.4,
            "expected_high": 0.6, "since": "2026-11-21T03:40:00.000000Z", "distance": 9.5,
            "reason": "0.9000 where 0.4000 to 0.6000 is usual at this hour" }],
        "missing": [
            missing("trend", "not_enough_data", "not enough data: 3 values, and 30 are needed"),
            missing("forecast", "not_enough_data", "not enough data: 3 values, and 30 are needed"),
            missing("anomalies.level", "constant", "not enough data: the values never changed"),
        ],
    });
    let calm = json!({
        "recent": 2048.0, "trend": { "per_day": -1024.0, "per_day_low": -2048.0,
            "per_day_high": 0.0, "spread": 1.0, "looked_back_seconds": 601_200 },
    });
    json!({
        "of": { "id": "id", "name": "db" }, "simulated": false,
        "computed_at": "2026-11-21T04:00:00.000000Z", "horizon_seconds": 604_800,
        "resources": [resource("cpu", "ratio", &cpu), root(), resource("disk_read", "bytes_per_second", &calm)],
        "left_out": 2,
        "sizing": [
            { "of": "cpu_count", "has": 8, "verdict": "change", "suggested": 2,
              "reason": "99 % of the time it uses no more than 12 % of its 8 vCPUs",
              "figures": [{ "name": "cpu_usage", "unit": "ratio", "p95": 0.1, "p99": 0.12,
                "values": 6000, "step_seconds": 300, "looked_back_seconds": 1_800_000 }],
              "missing": null },
            { "of": "memory_bytes", "has": 8_589_934_592_u64, "verdict": "unknown",
              "suggested": null, "reason": "the history has nothing of it", "figures": [],
              "missing": missing("sizing", "not_measured", "the history has nothing of it") },
        ],
    })
}

fn telling(told: Value) -> TestServer {
    TestServer::start(move |seen| match seen.line().as_str() {
        "GET /api/v1/hosts" => Reply::page(vec![json!({
            "id": crate::rig::id(800), "name": "h1", "provider": { "id": "p", "name": "lab" },
            "simulated": false, "state": "ready", "reason": null, "observed_at": null,
            "arch": fact(), "cpu_model": fact(), "cpu_count": fact(), "memory_bytes": fact(),
            "memory_free_bytes": fact(), "hypervisor": fact(), "guests": fact(),
            "vm_count": 0, "vm_running_count": 0,
        })]),
        line if line.ends_with("/outlook") => match seen.param("horizon_seconds") {
            None | Some("604800") => Reply::Json(200, told.clone()),
            Some(other) => Reply::problem(Code::QueryInvalid, &format!("the horizon is {other}")),
        },
        _ => fleet(seen),
    })
}

fn fact() -> Value {
    json!({ "value": null, "quality": "unavailable", "source": "lab", "observed_at": null,
        "reason": "not told" })
}

#[test]
fn d22_what_will_be_is_told_with_its_errors_and_what_is_not_told_with_its_reason() {
    expect![[r#"
        name         db
        horizon      7d
        full-next    filesystem / in 4d
        unusual      cpu
        size         vCPUs 8 to 2
        computed-at  2026-11-21T04:00:00.000000Z

        Resources
          resource      now      of      a day     full in           in 7d
          cpu           90.0 %   -       -         -                 -
          filesystem /  62 GiB   66 GiB  +1 GiB    4d (3d or later)  69 GiB (68 GiB to 70 GiB), line
          disk_read     2 KiB/s  -       -1 KiB/s  -                 -

        Unusual
          cpu: 90.0 % where 40.0 % to 60.0 % is usual at this hour, for 20m

        Sizes
          vCPUs 8, 2 would fit: 99 % of the time it uses no more than 12 % of its 8 vCPUs
          memory 8 GiB, not known: the history has nothing of it

        Errors on the past
          filesystem /, full in: lines were off by 512 MiB after 7d, and to expect no change by 7 GiB; 8 trials
          filesystem /, forecast: off by 256 MiB, and to expect no change by 4 GiB; its range held 91 %; 24 trials

        Not told
          cpu, trend, forecast: not enough data: 3 values, and 30 are needed
          cpu, anomalies by level: not enough data: the values never changed
          2 more series: there are too many
        exit 0
    "#]].assert_eq(&run(&telling(outlook()), &["vm", "outlook", "db"]).all());
}

#[test]
fn d22_hosts_have_one_too_and_a_demo_says_so() {
    let mut told = outlook();
    told["of"]["name"] = json!("h1");
    told["simulated"] = json!(true);
    told["sizing"] = json!([]);
    told["left_out"] = json!(0);
    let mut full = root();
    full["time_to_full"] = json!({ "state": "full", "earliest": null, "likely": null,
        "latest": null, "back_test": null });
    told["resources"] = json!([full]);
    expect![[r#"
        name         h1
        horizon      7d
        full-next    filesystem /: full
        unusual      -
        size         -
        computed-at  2026-11-21T04:00:00.000000Z

        Resources
          resource      now     of      a day   full in  in 7d
          filesystem /  62 GiB  66 GiB  +1 GiB  full     69 GiB (68 GiB to 70 GiB), line

        Errors on the past
          filesystem /, forecast: off by 256 MiB, and to expect no change by 4 GiB; its range held 91 %; 24 trials
        note: this is a demo; what it shows is made up
        exit 0
    "#]].assert_eq(&run(&telling(told), &["host", "outlook", "h1"]).all());
}

#[test]
fn d22_a_row_tells_what_is_full_first() {
    // Lines of CSV end with CRLF, which a text in a source cannot hold.
    let shown = run(&telling(outlook()), &["vm", "outlook", "db", "-o", "csv"]).all();
    let shown = shown.replace('\r', "");
    expect![[r#"
        name,horizon,full-next,unusual,size,computed-at
        db,7d,filesystem / in 4d,cpu,vCPUs 8 to 2,2026-11-21T04:00:00.000000Z
        exit 0
    "#]]
    .assert_eq(&shown);
}

#[test]
fn d22_programs_get_it_as_the_api_tells_it_and_the_horizon_goes_there() {
    let server = telling(outlook());
    let shown = run(&server, &["vm", "outlook", "db", "--horizon", "7d", "-o", "json"]);
    assert_eq!(shown.json(), outlook());
    let refused = run(&server, &["vm", "outlook", "db", "--horizon", "99d"]);
    assert!(refused.err.contains("the horizon is 8553600"), "{}", refused.all());
    let odd = run(&server, &["vm", "outlook", "db", "--horizon", "soon"]);
    assert!(odd.code == 2 && odd.err.contains("is not a duration"), "{}", odd.all());
}

#[test]
fn whatever_a_guest_calls_its_file_systems_does_nothing_to_the_terminal() {
    let mut told = outlook();
    told["resources"][1]["labels"]["mountpoint"] = json!("/\u{1b}[2J\n");
    let shown = run(&telling(told), &["vm", "outlook", "db"]).all();
    assert!(!shown.contains('\u{1b}') && shown.contains("/\\x1b[2J\\n"), "{shown}");
}
